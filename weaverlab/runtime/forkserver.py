"""The fork server: a process that has imported what weavelets need, and forks them.

    python -c "from weaverlab.runtime.forkserver import main; main(FD)"

Whoever deploys holds the other end of FD, a socket. A request is one line of JSON, `{"modules": {name: file}}`: import
these as well, unless that is done. Four descriptors come with it: the standard input, output and error of a new
weavelet, and a pipe for its exit code. The answer is a line, too:

    {"pid": 71}            it runs; its exit code will be written to the pipe
    {"errno": 24}          it could not be started
    {"unfit": "numpy"}     to import this has started a thread or opened something, so nothing is forked from here any
                           more: ask another fork server, without it

When the socket is closed, the server waits for its weavelets, removes what a deployer left that was killed, and ends.

1. One thread. A fork copies the thread that calls it, and the locks that all others hold.
2. Nothing is imported after the fork, where every weavelet would pay for it, in time and in memory.
3. What weavelets share stays shared: before a fork, all objects are out of the garbage collector's sight, which would
   write to each of them. So little is done after it, as every page that is written to is copied, for 3 µs.

Not in here: whose modules are imported (see `deployers.preloading`), and what a weavelet does (`child`).
"""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib.util
import json
import os
import select
import signal
import socket
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from weaverlab.runtime import child

LINE_BYTES = 65_536  # a request has some hundreds
STANDARD_FDS = (0, 1, 2)
THREADS = "/proc/self/task"
OPEN_FILES = "/proc/self/fd"


def main(control_fd: int) -> NoReturn:
    """Serve until the socket `control_fd` is closed at its other end and no weavelet runs; then end the process."""
    for fd in STANDARD_FDS:
        _ensure_open(fd)
    _freeze()
    server = _ForkServer(socket.socket(fileno=control_fd))
    server.serve()
    _clean_up()
    os._exit(0)


class _ForkServer:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._is_open = True  # somebody may still ask for weavelets
        self._tried: set[str] = set()  # modules
        self._exit_pipes: dict[int, int] = {}  # by process id: where its exit code goes
        self._reader, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, _nothing)
        signal.set_wakeup_fd(self._wake)  # to which Python writes a byte when a signal comes: a child has ended

    def serve(self) -> None:
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        poll.register(self._control, select.POLLIN)
        while self._is_open or self._exit_pipes:
            for fd, _ in poll.poll():
                if fd == self._reader:
                    os.read(self._reader, LINE_BYTES)
                    self._collect_exit_codes()
                else:
                    self._take_request()
            if not self._is_open:
                with contextlib.suppress(KeyError):
                    poll.unregister(self._control)

    def _take_request(self) -> None:
        fds: list[int] = []
        try:
            line, fds, *_ = socket.recv_fds(self._control, LINE_BYTES, 4)
            while line and not line.endswith(b"\n"):
                line += self._control.recv(LINE_BYTES)
            if line:
                answer = self._answer(json.loads(line)["modules"], fds)
                self._control.sendall(json.dumps(answer).encode() + b"\n")
            self._is_open = bool(line) and "unfit" not in answer
        except OSError:  # whoever asked has gone
            self._is_open = False
        finally:
            for fd in fds:
                os.close(fd)

    def _answer(self, modules: Mapping[str, str | None], fds: Sequence[int]) -> dict[str, Any]:
        if len(fds) < 4:  # they did not fit into what this process may open
            return {"errno": errno.EMFILE}
        unfit = self._load(modules)
        if unfit:
            return {"unfit": unfit}
        try:
            return {"pid": self._fork(fds)}
        except OSError as error:
            return {"errno": error.errno}

    def _load(self, modules: Mapping[str, str | None]) -> str:
        """Import what has not been tried; return the module after which this process must not be forked, if any."""
        new = [name for name in modules if name not in self._tried]
        self._tried.update(new)
        for name in new if os.path.isdir(THREADS) else ():  # elsewhere nobody could tell what an import has done
            if name not in sys.modules and _file_of(name) == modules[name]:
                before = os.listdir(OPEN_FILES)
                with contextlib.suppress(Exception):  # it fails again in the weavelet, which can tell of it
                    importlib.import_module(name)
                if not _is_alone() or os.listdir(OPEN_FILES) != before:
                    return name
        if new:
            _freeze()
        return ""

    def _fork(self, fds: Sequence[int]) -> int:
        exit_pipe = os.dup(fds[3])
        try:
            pid = os.fork()
        except OSError:
            os.close(exit_pipe)
            raise
        if pid == 0:
            try:
                os.close(exit_pipe)
                self._become_weavelet(fds)
            finally:
                os._exit(1)
        self._exit_pipes[pid] = exit_pipe
        return pid

    def _become_weavelet(self, fds: Sequence[int]) -> NoReturn:
        """Keep the three descriptors that a weavelet has (see `child`), and be one."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for fd, standard in zip(fds, STANDARD_FDS, strict=False):
            os.dup2(fd, standard)
        for fd in (*fds, *self._exit_pipes.values(), self._reader, self._wake):
            os.close(fd)
        self._control.close()
        gc.enable()
        if "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed()  # else all weavelets draw the same numbers; `random` sees to that itself
        child.main()

    def _collect_exit_codes(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                pipe = self._exit_pipes.pop(pid, None)  # a module may have started a process when it was imported
                if pipe is not None:
                    with contextlib.suppress(OSError):  # nobody wants to know
                        os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
                    os.close(pipe)


def _ensure_open(fd: int) -> None:
    """Put an empty file where whoever deploys has closed one of its own: else the next pipe would be taken for it."""
    try:
        os.fstat(fd)
    except OSError:
        os.open(os.devnull, os.O_RDWR)


def _freeze() -> None:
    gc.collect()
    gc.freeze()


def _file_of(name: str) -> str | None:
    """Return where the package of a module would be imported from: another `numpy` may lie beside an application."""
    spec = importlib.util.find_spec(name.partition(".")[0])
    return None if spec is None else spec.origin


def _is_alone() -> bool:
    """Return whether only one thread runs here. Some end when the process forks, by the care of whoever started them:
    those of OpenBLAS, which numpy uses, do."""
    if len(os.listdir(THREADS)) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python 3.12 warns of just this; with -W error that would be the end
            pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    return len(os.listdir(THREADS)) == 1


def _clean_up() -> None:
    from weaverlab import registry

    registry.clean()


def _nothing(*_: Any) -> None:
    """What is done when a child ends: the poll wakes, by the byte that Python writes for a signal that is handled."""
