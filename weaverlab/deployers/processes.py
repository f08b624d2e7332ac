"""Starting weavelets as local processes through `multiprocess`, and the pipes that tie them to their deployer.

The default start method is a fork server that has imported the runtime already: a new weavelet costs about
12 ms and inherits nothing from this process, so it is safe in a Jupyter kernel, which runs threads and an event
loop. `spawn` starts a fresh interpreter each time. A plain fork is not offered: it would inherit the kernel's
sockets, and any lock that another thread holds at that moment stays locked for ever.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any, Literal

import multiprocess
from multiprocess import forkserver, resource_tracker, spawn

from weaverlab.runtime.inherit import InheritedFds, become_weavelet
from weaverlab.runtime.placement import Bootstrap, write_bootstrap

StartMethod = Literal["forkserver", "spawn"]
PRELOADED = ["weaverlab.runtime.inherit", "dill", "uvloop"]  # what is not installed is passed over

_launching = threading.Lock()  # guards multiprocess.spawn.get_preparation_data while it is replaced


class WeaveletProcess:
    """One running weavelet process as its deployer holds it: its pid and our ends of its pipes."""

    def __init__(self, process: Any, lifeline_fd: int, events_fd: int, output_fd: int) -> None:
        self._process = process
        self._lifeline_fd = lifeline_fd
        self.events_fd = events_fd
        self.output_fd = output_fd
        self.pid: int = process.pid
        self.sentinel: int = process.sentinel

    def send(self, bootstrap: Bootstrap) -> None:
        """Tell the weavelet who it is. A weavelet that has died already is noticed by its sentinel, not here."""
        with contextlib.suppress(BrokenPipeError), open(self._lifeline_fd, "wb", closefd=False) as stream:
            write_bootstrap(stream, bootstrap)

    def kill(self) -> None:
        """End the process now."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout_s: float) -> bool:
        """Return whether the process has ended within `timeout_s`."""
        self._process.join(timeout_s)
        return self._process.exitcode is not None

    def death(self) -> str:
        """Return how the process ended, in words."""
        code = self._process.exitcode
        if code is None:
            return "still runs"
        if code < 0:
            named = -code in signal.Signals._value2member_map_  # those between SIGRTMIN and SIGRTMAX have no name
            return f"was killed by {signal.Signals(-code).name if named else f'signal {-code}'}"
        return f"exited with code {code}"

    def close(self) -> None:
        """Release everything of ours that belongs to the process, which must have ended."""
        for fd in (self._lifeline_fd, self.events_fd, self.output_fd):
            os.close(fd)
        self._process.close()


def start_process(name: str, method: StartMethod) -> WeaveletProcess:
    """Start a process that waits for its bootstrap. Costs about 12 ms (forkserver) or 90 ms (spawn)."""
    context = multiprocess.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(PRELOADED)
    ends: list[int] = []
    try:
        for _ in range(3):
            ends += os.pipe()  # the end to read from, the end to write to
        stdin, lifeline, events, stdout, output, stderr = ends
        process = context.Process(target=become_weavelet, args=(InheritedFds((stdin, stdout, stderr)),), name=name)
        with _launching, _without_main_module():
            process.start()
    except BaseException:
        for fd in ends:
            os.close(fd)
        raise
    for fd in (stdin, stdout, stderr):
        os.close(fd)
    return WeaveletProcess(process, lifeline, events, output)


def end_servants() -> None:
    """End the fork server and the resource tracker of this process; no weavelet may be left.

    They end with this process anyway. But a Jupyter kernel that shuts down asks all its children to end, and waits;
    the tracker ignores such requests, so every restart of a kernel would take seconds.
    """
    tracker, server = resource_tracker._resource_tracker, forkserver._forkserver
    for servant, pid in ((server, server._forkserver_pid), (tracker, tracker._pid)):
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            servant._stop()  # waits for it, and forgets it: the next weavelet starts a new one


@contextlib.contextmanager
def _without_main_module() -> Iterator[None]:
    """Keep `multiprocess` from running the user's script again in the child: code travels in the bundle."""
    vars(sys.modules["__main__"]).setdefault("__spec__", None)  # which `%reset` of a notebook deletes
    original = spawn.get_preparation_data

    def prepare(name: str) -> dict[str, Any]:
        return {key: value for key, value in original(name).items() if not key.startswith("init_main")}

    spawn.get_preparation_data = prepare
    try:
        yield
    finally:
        spawn.get_preparation_data = original
