"""What a test has left behind: processes, our threads, sockets, and the files and directories of deployments.

Only what appeared while the test ran counts, and what is not ours, such as a thread pool of another library, does not.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from weaverlab.registry import held, is_socket_folder
from weaverlab.testing.processes import LOOK_AGAIN_S, Process, kill, started_processes

PATIENCE_S = 5.0  # weavelets whose deployer has died take two seconds at most, where nobody else is busy
_WEAVERLAB = str(Path(__file__).parents[1])


@contextlib.contextmanager
def nothing_left(patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Fail when the block leaves anything behind that is still there `patience_s` after it; end what is left.

    That is: processes started in it at whatever distance, threads of WeaverLab, listening sockets, connections to
    weavelets, and the files and directories of deployments. The message has a line for each. If the block raises, its
    own exception goes on.

    Raises:
        AssertionError: something is left.
    """
    before = _look()
    try:
        yield
    finally:
        ends_s = time.monotonic() + patience_s
        while (left := _look().without(before)).lines() and time.monotonic() < ends_s:
            time.sleep(LOOK_AGAIN_S)
        kill(set(left.processes))  # what one test leaves must not disturb the next
    lines = left.lines()
    if lines:
        raise AssertionError("\n  ".join([f"left behind, {patience_s:g} s after the end:", *lines]))


@dataclass(frozen=True)
class _Seen:
    """What there was at one moment."""

    processes: frozenset[Process]
    threads: frozenset[threading.Thread]
    sockets: dict[str, str]  # by what identifies them: what they are
    held: frozenset[Path]

    def without(self, before: _Seen) -> _Seen:
        """Return what is new. Where a deployment ran before, its own threads and sockets come and go: none counts."""
        is_quiet = not before.held
        return _Seen(
            self.processes - before.processes,
            self.threads - before.threads if is_quiet else frozenset(),
            {key: words for key, words in self.sockets.items() if is_quiet and key not in before.sockets},
            self.held - before.held,
        )

    def lines(self) -> list[str]:
        """Return one line for everything, in words."""
        return [
            *sorted(str(process) for process in self.processes),
            *sorted(f"thread {thread.name}" for thread in self.threads),
            *sorted(self.sockets.values()),
            *sorted(f"{'directory' if path.is_dir() else 'file'} {path}" for path in self.held),
        ]


def _look() -> _Seen:
    return _Seen(frozenset(started_processes()), frozenset(_our_threads()), dict(_sockets()), frozenset(held()))


def _our_threads() -> Iterator[threading.Thread]:
    """Find the threads whose outermost function, below that of `threading`, is WeaverLab's."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        files = []
        frame = frames.get(thread.ident or 0)
        while frame is not None:
            files.append(frame.f_code.co_filename)
            frame = frame.f_back
        outermost = next((file for file in reversed(files) if file != threading.__file__), "")
        if outermost.startswith(_WEAVERLAB):
            yield thread


def _sockets() -> Iterator[tuple[str, str]]:
    """Find the sockets of this process that listen, or lead to a weavelet: (what identifies it, what it is)."""
    for entry in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # it has been closed just now
            facts = os.stat(int(entry))
            if stat.S_ISSOCK(facts.st_mode) and (words := _describe(int(entry))):
                yield f"{facts.st_dev}:{facts.st_ino}", words


def _describe(fd: int) -> str:
    with socket.socket(fileno=os.dup(fd)) as sock:
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return f"socket listening at {_address(sock.getsockname())}"
        path = Path(str(sock.getsockname() or sock.getpeername())) if sock.family == socket.AF_UNIX else Path()
        if is_socket_folder(path.parent):
            return f"connection to {path}"
    return ""


def _address(name: object) -> str:
    return ":".join(map(str, name[:2])) if isinstance(name, tuple) else str(name)
