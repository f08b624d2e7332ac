"""Memory, threads and descriptors of a process, as Linux tells them."""

from __future__ import annotations

import os
import resource
from pathlib import Path


def status_of(pid: int, field: str) -> int:
    """Return a number from /proc/PID/status: "Threads"; "VmRSS" or "VmHWM" (its peak) in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0])
    raise KeyError(f"/proc/{pid}/status has no {field}")


def rss_mb(pid: int = 0) -> float:
    """Return the resident memory of a process, or of this one, in MB."""
    return status_of(pid or os.getpid(), "VmRSS") / 1024


def peak_rss_mb(pid: int = 0) -> float:
    """Return the largest resident memory that it ever had, or since `forget_peak`."""
    return status_of(pid or os.getpid(), "VmHWM") / 1024


def forget_peak(pid: int = 0) -> None:
    """Let `peak_rss_mb` begin anew from what is resident now."""
    Path(f"/proc/{pid or os.getpid()}/clear_refs").write_text("5")


def raise_descriptor_limit() -> int:
    """Let this process, and those it starts, open as many descriptors as the machine allows; return how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
