"""Which processes did this test session start? Read from /proc, by a mark that every child inherits.

The mark is an environment variable, so it also finds a process whose parent died and that has a new session of its
own, which a walk down the tree would miss. Not in here: starting processes.
"""

from __future__ import annotations

import os
import secrets
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "WEAVERLAB_TEST_SESSION"
# One of each serves this process until it ends, and costs no test anything. Their children are another matter.
SERVANTS = (b"multiprocess.forkserver", b"multiprocess.resource_tracker")


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `started` (in clock ticks since boot) tells it from a later one with the same `pid`."""

    pid: int
    parent: int
    started: int
    command: str

    def __str__(self) -> str:
        return f"{self.pid} (parent {self.parent}): {self.command}"


def mark_session() -> None:
    """Mark this process's environment, so that all processes started from now on can be found."""
    os.environ.setdefault(MARK, secrets.token_hex(8))


@contextmanager
def no_process_stays(patience_s: float = 2.0) -> Iterator[None]:
    """Fail when a process started inside the block still runs `patience_s` after it; kill what is left.

    The default is the time within which weavelets whose parent died must be gone.
    """
    before = session_processes()
    yield
    left = wait_gone(before, patience_s)
    kill(left)  # what one test leaves must not disturb the next
    names = "".join(f"\n  {process}" for process in sorted(left, key=lambda process: process.pid))
    assert not left, f"still running {patience_s} s after the end:{names}"


def session_processes() -> set[Process]:
    """Return the processes of this test session that run now, without this one and its two servants; O(processes)."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    return {found for pid in _pids() if (found := _read(pid, mark))}


def wait_gone(before: set[Process], timeout_s: float) -> set[Process]:
    """Wait until no process but those in `before` runs; return the ones that still do after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while left := session_processes() - before:
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            break
        _wait_exit(left.pop(), remaining_s)
    return left


def kill(processes: set[Process]) -> None:
    """Kill each of these that still runs."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _pids() -> Iterator[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid())


def _read(pid: int, mark: bytes) -> Process | None:
    folder = Path("/proc", str(pid))
    try:
        # A process name may hold blanks and brackets, so read what follows the last bracket: state, parent, ...
        state, parent, *rest = (folder / "stat").read_text().rpartition(")")[2].split()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").strip()
        is_marked = mark in (folder / "environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None  # it ended just now, or is another user's
    is_child = int(parent) == os.getpid()  # a plain fork shows the environment that we began with, without the mark
    is_servant = is_child and any(servant in command for servant in SERVANTS)
    if state == "Z" or is_servant or not (is_child or is_marked):
        return None
    return Process(pid, int(parent), started=int(rest[17]), command=command.decode(errors="replace"))


def _wait_exit(process: Process, timeout_s: float) -> None:
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        select.select([descriptor], [], [], timeout_s)
    finally:
        os.close(descriptor)
