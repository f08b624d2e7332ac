"""`python -m weaverlab.runtime`: one weavelet, told what to do on its standard input."""

from __future__ import annotations

from weaverlab.runtime.child import main

main()
