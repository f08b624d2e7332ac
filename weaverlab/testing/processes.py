"""Which processes did this one start, at whatever distance? Starting and ending them is not in here.

Two signs are looked for. The mark is an environment variable that every child inherits: it also finds a process whose
parent has died and that has a session of its own, but only where the system shows environments, in Linux's /proc. The
way down from parents to children is known everywhere: where there is no /proc, `ps` tells it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MARK = "WEAVERLAB_TEST_MARK"
# One of each serves this process until it ends, and costs no test anything. Their children are another matter.
SERVANTS = ("weaverlab.runtime.forkserver", "multiprocess.resource_tracker")
LOOK_AGAIN_S = 0.02

_marks: dict[int, str] = {}  # by process id: a fork has a copy of this, and needs a mark of its own


@dataclass(frozen=True)
class Process:
    """One process; `started`, in the system's own words, tells it from a later one with the same `pid`."""

    pid: int
    started: str
    parent: int = field(compare=False)  # as long as that lives
    command: str = field(compare=False)  # until it starts another program
    mark: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"process {self.pid} (parent {self.parent}): {self.command}"


def mark_children() -> str:
    """Make sure that all processes that this one starts from now on carry its mark, and return that."""
    mine = _marks.get(os.getpid())
    if mine is None:  # a mark that we have inherited stays in front of ours: whoever gave it finds our children, too
        mine = _marks[os.getpid()] = "/".join(filter(None, [os.environ.get(MARK), secrets.token_hex(8)]))
        os.environ[MARK] = mine
    return mine


def started_processes() -> set[Process]:
    """Return the processes that this one has started and that run now, but for its two servants. O(processes)."""
    mine = mark_children()
    running = {process.pid: process for process in (_from_proc() if _has_proc() else _from_ps())}
    return {
        process
        for process in running.values()
        if (process.mark == mine or process.mark.startswith(f"{mine}/") or _descends(process, running))
        and process.pid != os.getpid()
        and not _is_servant(process)
    }


def wait_gone(before: set[Process], timeout_s: float) -> set[Process]:
    """Wait until no started process but those in `before` runs; return the ones that still do after `timeout_s`."""
    ends_s = time.monotonic() + timeout_s
    while (left := started_processes() - before) and time.monotonic() < ends_s:
        time.sleep(LOOK_AGAIN_S)
    return left


def kill(processes: set[Process]) -> None:
    """Kill each of these that still runs."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)


def _descends(process: Process, running: dict[int, Process]) -> bool:
    seen = set()
    while process.parent in running and process.pid not in seen:  # process ids are used again: there may be a circle
        if process.parent == os.getpid():
            return True
        seen.add(process.pid)
        process = running[process.parent]
    return False


def _is_servant(process: Process) -> bool:
    return process.parent == os.getpid() and any(servant in process.command for servant in SERVANTS)


def _has_proc() -> bool:
    return os.path.isdir("/proc/self")


def _from_proc() -> Iterator[Process]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended just now
                process = _read(Path("/proc", entry))
                if process is not None:
                    yield process


def _read(folder: Path) -> Process | None:
    # The name of a process may hold blanks and brackets, so read what follows the last bracket: state, parent, ...
    state, parent, *rest = (folder / "stat").read_text().rpartition(")")[2].split()
    if state in "ZX":
        return None
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").strip().decode(errors="replace")
    return Process(int(folder.name), rest[17], int(parent), command, _mark_of(folder))


def _mark_of(folder: Path) -> str:
    with contextlib.suppress(PermissionError):  # another user's
        for entry in (folder / "environ").read_bytes().split(b"\0"):
            if entry.startswith(f"{MARK}=".encode()):
                return entry.decode().partition("=")[2]
    return ""


def _from_ps() -> Iterator[Process]:
    """Read what `ps` of every POSIX system says. It shows no environments: orphans are not found."""
    with subprocess.Popen(
        ["ps", "-A", "-ww", "-o", "stat=,pid=,ppid=,lstart=,command="], stdout=subprocess.PIPE, text=True
    ) as ps:
        text = ps.communicate()[0]
    for line in text.splitlines():
        state, pid, parent, *rest = line.split(None, 8)
        if not state.startswith("Z") and int(pid) != ps.pid:
            yield Process(int(pid), " ".join(rest[:5]), int(parent), " ".join(rest[5:]))
