"""Who on this machine has a segment: while nobody does, the kernel has freed it, since it has no name."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SEGMENT_FILE = "/memfd:weaverlab"


def segments_of(pid: int | str = "self") -> set[int]:
    """Return the inodes of the segments that a process has mapped or open; none when it is gone."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if SEGMENT_FILE in line:
                found.add(int(line.split()[4]))
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(descriptor).startswith(SEGMENT_FILE):
                    found.add(descriptor.stat().st_ino)
    return found


def holders(inodes: set[int]) -> list[int]:
    """Return the processes that have any of these segments."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and segments_of(name) & inodes]
