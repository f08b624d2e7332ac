"""A program that holds a group of servers until it is killed, and says where their files are."""

from __future__ import annotations

import sys
import time

from weaverlab import servers


def command(kind: str) -> list[str]:
    """Return how to run it."""
    return [sys.executable, __file__, kind]


if __name__ == "__main__":
    with servers.up(sys.argv[1], lag_ms=20) as group:
        print(group.folder, flush=True)
        time.sleep(600)
