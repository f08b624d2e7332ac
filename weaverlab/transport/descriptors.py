"""Descriptors, looked for before a step that cannot stand to run out of them half-way."""

from __future__ import annotations

import os

PIPES = 8  # room for them is room for any of those steps


def check_room() -> None:
    """Raise OSError (EMFILE) unless this process may open 16 more descriptors now. Costs about 15 µs."""
    probes: list[int] = []
    try:
        for _ in range(PIPES):
            probes += os.pipe()
    finally:
        for fd in probes:
            os.close(fd)
