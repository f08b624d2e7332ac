"""Why a process has ended, in words. Not in here: what is done about it (see `supervisor`)."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable
from pathlib import Path

_SHELL_SIGNAL_BASE = 128  # a shell that ran something which a signal killed exits with this plus the signal's number


def death(code: int | None, ran_out_of_memory: bool = False) -> str:
    """Return how a process ended, by its exit code: minus the number of the signal that killed it."""
    if code is None:
        return "is lost: it does not even end when it is killed"
    if code >= 0:
        return f"exited with code {code}{_code_in_words(code)}"
    if -code == signal.SIGKILL and ran_out_of_memory:
        return "was killed by SIGKILL, probably because the machine or its container ran out of memory"
    return f"was killed by {_name(-code)}"


def details(traceback: str, last_lines: Iterable[str]) -> str:
    """Return what is known beside the exit code: the traceback that the weavelet sent, else what it said last."""
    lines = "\n".join(last_lines)
    return traceback.rstrip() or (f"Its last lines:\n{lines}" if lines else "It printed nothing.")


class OutOfMemory:
    """Looks at how often the kernel has killed a process for want of memory, here and in this process's container.

    Which process that was, it does not tell; so this is a probable cause, and only where there are such counters.
    """

    def __init__(self) -> None:
        self._seen = _oom_kills()

    def happened(self) -> bool:
        """Return whether it happened since this was last asked."""
        before, self._seen = self._seen, _oom_kills()
        return self._seen > before


def _code_in_words(code: int) -> str:
    number = code - _SHELL_SIGNAL_BASE
    if number in signal.Signals._value2member_map_:
        return f", which is how a shell reports {_name(number)}"
    return ", as if all were well" if code == 0 else ""


def _name(number: int) -> str:
    if number not in signal.Signals._value2member_map_:
        return f"signal {number}"  # those between SIGRTMIN and SIGRTMAX have no name
    meaning = signal.strsignal(number)
    return signal.Signals(number).name + (f" ({meaning.lower()})" if meaning else "")


def _oom_kills() -> int:
    count = _counter(Path("/proc/vmstat"))
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            group = line.partition("::")[2]  # only the one hierarchy of cgroup 2 has no name
            count += _counter(Path(f"/sys/fs/cgroup{group}/memory.events")) if group else 0
    return count


def _counter(path: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return 0
