"""The engine of local processes: starts weavelets through `multiprocess`.

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
from pathlib import Path
from typing import Any, Literal

import multiprocess
from multiprocess import forkserver, resource_tracker, spawn, util

import weaverlab.runtime
from weaverlab.runtime.inherit import InheritedFds, become_weavelet
from weaverlab.transport.descriptors import check_room

StartMethod = Literal["forkserver", "spawn"]
PRELOADED = ["weaverlab.runtime.forkserver", "uvloop"]  # what is not installed is passed over
# Where Python, this WeaverLab and what it needs are, so that another process finds the same ones.
PYTHON = str(Path(os.__file__).parent)
PACKAGES = str(Path(multiprocess.__file__).parent.parent)
HOME = str(Path(weaverlab.runtime.__file__).parent.parent.parent)
DEAF_TO_CTRL_C = "import signal as s; s.signal(s.SIGINT, s.SIG_IGN); s.pthread_sigmask(s.SIG_UNBLOCK, {s.SIGINT})"
UNPASSED = ("init_main", "sys_path")  # of what `multiprocess` prepares: code and its path come with the bootstrap

_launching = threading.Lock()  # guards what `_as_we_start_processes` replaces in `multiprocess`


class LocalProcess:
    """One running weavelet process as its deployer holds it; an `engine.WeaveletProcess`."""

    def __init__(self, process: Any, lifeline_fd: int, events_fd: int, output_fd: int) -> None:
        self._process = process
        self.lifeline_fd = lifeline_fd
        self.events_fd = events_fd
        self.output_fd = output_fd
        self.pid: int = process.pid

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> int | None:
        self._process.join(timeout_s)
        code: int | None = self._process.exitcode
        return code

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

    def prepare(self) -> None:
        """Begin to start the fork server, and do not wait for it: it takes 0.1 s, in which one can do other things."""
        if self._method == "forkserver":
            forkserver.set_forkserver_preload(PRELOADED)
            with _launching, _as_we_start_processes():
                forkserver.ensure_running()

    def start(self, replica: str) -> LocalProcess:
        """Start a process that waits for its bootstrap. Costs about 12 ms (forkserver) or 90 ms (spawn)."""
        context = multiprocess.get_context(self._method)
        self.prepare()
        ends: list[int] = []
        try:
            for _ in range(3):
                ends += os.pipe()  # the end to read from, the end to write to
            stdin, lifeline, events, stdout, output, stderr = ends
            pipes = InheritedFds((stdin, stdout, stderr))
            process = context.Process(target=become_weavelet, args=(pipes,), name=replica)
            check_room()  # half-way through it would end the fork server, and with it every weavelet
            with _launching, _as_we_start_processes():
                process.start()
        except BaseException:
            for fd in ends:
                os.close(fd)
            raise
        for fd in (stdin, stdout, stderr):
            os.close(fd)
        return LocalProcess(process, lifeline, events, output)


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
def _as_we_start_processes() -> Iterator[None]:
    """Change three habits of `multiprocess` while it starts a process for us.

    It would run the user's script again in the child: code travels in the bundle. It would look for modules in the
    working directory first, where a stray `dill.py` or `signal.py` may lie. And Ctrl-C, which a terminal sends to
    children as well, would end with a traceback what has not come far enough to ignore it.
    """
    vars(sys.modules["__main__"]).setdefault("__spec__", None)  # which `%reset` of a notebook deletes
    prepare, execute = spawn.get_preparation_data, util.spawnv_passfds

    def prepare_less(name: str) -> dict[str, Any]:
        return {key: value for key, value in prepare(name).items() if not key.startswith(UNPASSED)}

    def execute_elsewhere(path: bytes, arguments: list[Any], fds: list[int]) -> int:
        at = arguments.index("-c") + 1
        command = f"import sys; sys.path[:] = {_import_path()!r}; {DEAF_TO_CTRL_C}; {arguments[at]}"
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the child inherits it
        try:
            pid: int = execute(path, [*arguments[:at], command, *arguments[at + 1 :]], fds)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return pid

    spawn.get_preparation_data, util.spawnv_passfds = prepare_less, execute_elsewhere
    try:
        yield
    finally:
        spawn.get_preparation_data, util.spawnv_passfds = prepare, execute


def _import_path() -> list[str]:
    """Return where our processes find modules: those that they need themselves first, then `sys.path`.

    There, the folder of the application comes first: a `json.py` or `queue.py` in it would be taken for Python's own.
    """
    return list(dict.fromkeys([PYTHON, os.path.join(PYTHON, "lib-dynload"), HOME, PACKAGES, *filter(None, sys.path)]))
