"""The engine of local processes.

The default start method is a fork server (`forking`) that has imported the runtime already: a new weavelet costs some
milliseconds and inherits nothing from this process. `spawn` (`spawning`) starts a fresh interpreter each time.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from typing import Literal, Protocol

from weaverlab.deployers.forking import ForkServers, Modules
from weaverlab.deployers.interpreter import ours_first

StartMethod = Literal["forkserver", "spawn"]
SPAWNING = "weaverlab.deployers.spawning"

fork_servers = ForkServers()


class Started(Protocol):
    """A process, however it was started."""

    @property
    def pid(self) -> int: ...
    def wait(self, timeout_s: float) -> int | None: ...
    def close(self) -> None: ...


class LocalProcess:
    """One running weavelet process as its deployer holds it; an `engine.WeaveletProcess`."""

    def __init__(self, process: Started, lifeline_fd: int, events_fd: int, output_fd: int) -> None:
        self._process = process
        self.lifeline_fd = lifeline_fd
        self.events_fd = events_fd
        self.output_fd = output_fd
        self.pid = process.pid

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> int | None:
        return self._process.wait(timeout_s)

    def close(self) -> None:
        for fd in (self.lifeline_fd, self.events_fd, self.output_fd):
            os.close(fd)
        self._process.close()
        with contextlib.suppress(OSError):  # there is mostly nobody left in its group
            os.killpg(self.pid, signal.SIGKILL)  # what a component started ends with it, but for what left the group


class LocalProcesses:
    """Starts weavelets on this machine; an `engine.Engine`."""

    name = "multi"

    def __init__(self, method: StartMethod) -> None:
        self._method = method
        self.modules: Modules = {}  # that the fork server is to import before it forks (see `preloading`)

    def prepare(self) -> None:
        """Begin to start the fork server, and do not wait for it."""
        if self._method == "forkserver":
            fork_servers.prepare()

    def start(self, replica: str) -> LocalProcess:
        """Start a process that waits for its bootstrap. Costs about 2 ms (forkserver) or 20 ms (spawn)."""
        ends: list[int] = []
        try:
            for _ in range(3):
                ends += os.pipe()  # the end to read from, the end to write to
            stdin, lifeline, events, stdout, output, stderr = ends
            process = self._start(replica, stdin, stdout, stderr)
        except BaseException:
            for fd in ends:
                os.close(fd)
            raise
        for fd in (stdin, stdout, stderr):
            os.close(fd)
        return LocalProcess(process, lifeline, events, output)

    def _start(self, replica: str, stdin: int, stdout: int, stderr: int) -> Started:
        if self._method == "forkserver":
            return fork_servers.start(self.modules, stdin, stdout, stderr)
        with ours_first():
            from weaverlab.deployers.spawning import Spawned
        return Spawned(replica, stdin, stdout, stderr)


def end_servants() -> None:
    """End the fork server of this process, and the resource tracker of `multiprocess`; no weavelet may be left.

    They end with this process anyway. But a Jupyter kernel that shuts down asks all its children to end, and waits;
    the tracker ignores such requests, so every restart of a kernel would take seconds.
    """
    fork_servers.kill()
    if SPAWNING in sys.modules:
        sys.modules[SPAWNING].end_tracker()


os.register_at_fork(after_in_child=fork_servers.disown)
atexit.register(fork_servers.kill)
