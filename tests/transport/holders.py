"""Who on this machine has a segment, and how much of it is used: the kernel frees what nobody has, it has no name."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from weaverlab.transport import segments
from weaverlab.transport.segments import GRANULES

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


def used_granules() -> int:
    """Return how many granules of what this process has mapped have not been given back."""
    return sum(incoming._memory[:GRANULES].count(1) for incoming in segments._incoming)


def wait_until(holds: Callable[[], object], patience_s: float = 10.0) -> None:
    """Wait for what no event tells: that memory is given back."""
    ends_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < ends_s, "it did not come true"
        time.sleep(0.001)
