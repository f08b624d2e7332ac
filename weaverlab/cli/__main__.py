"""`python -m weaverlab.cli`: the same as `weaverlab`, where the script is not on the path."""

from __future__ import annotations

from weaverlab.cli import main

main()
