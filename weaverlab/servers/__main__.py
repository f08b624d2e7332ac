"""`python -m weaverlab.servers`: the keeper of one group of servers; see `keeper`."""

from __future__ import annotations

from weaverlab.servers.keeper import main

main()
