"""The fork server of this process, as whoever deploys sees it: started when first needed, asked for processes.

A plain fork is not offered: it would inherit the sockets of a Jupyter kernel, and any lock that another of its threads
holds at that moment stays locked for ever. The fork server runs one thread, and inherits nothing. Not in here: what it
does (see `runtime.forkserver`).
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import threading
from collections.abc import Mapping
from typing import Any

from weaverlab.deployers.interpreter import command
from weaverlab.errors import DeployError

Modules = Mapping[str, str | None]

CODE = "import gc; gc.disable(); from weaverlab.runtime.forkserver import main; main({fd})"
ANSWER_TIMEOUT_S = 60.0  # of a server that is just starting, on a machine that is busy; mostly it takes 2 ms
ANSWER_BYTES = 4096
ATTEMPTS_MAX = 4  # to ask: the server may have died, and modules may turn out to be unfit
LOST = 255  # the exit code of a process whose fork server has died, so that nobody knows it
# numpy, which is preloaded, reads these when it is imported.
READ_AT_IMPORT = ("BLIS_", "GOMP_", "GOTO_", "KMP_", "MKL_", "NPY_", "OMP_", "OPENBLAS_", "VECLIB_")


class Forked:
    """One process that the fork server has started. It writes its exit code to a pipe when the process has ended."""

    def __init__(self, pid: int, exit_pipe: int) -> None:
        self.pid = pid
        self._exit_pipe = exit_pipe
        self._code: int | None = None

    def wait(self, timeout_s: float) -> int | None:
        if self._code is None:
            poll = select.poll()
            poll.register(self._exit_pipe, select.POLLIN)
            if poll.poll(timeout_s * 1_000):
                self._code = int(os.read(self._exit_pipe, ANSWER_BYTES) or LOST)
        return self._code

    def close(self) -> None:
        os.close(self._exit_pipe)


class ForkServer:
    """A process that forks weavelets. It is asleep most of the time."""

    def __init__(self) -> None:
        self.settings = _settings()
        self._control, theirs = socket.socketpair()
        try:
            with theirs:
                self._popen = subprocess.Popen(
                    command(CODE.format(fd=theirs.fileno())),
                    stdin=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    # Ctrl-C goes to all of a terminal's processes; and what a component deploys, it tidies up after
                    # whoever killed the component, and its group.
                    start_new_session=True,
                )
        except BaseException:
            self._control.close()
            raise
        self._control.settimeout(ANSWER_TIMEOUT_S)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def has_ended(self) -> bool:
        return self._popen.poll() is not None

    def ask(self, modules: Modules, fds: list[int]) -> dict[str, Any]:
        """Return its answer; an empty one when it has died. Raises TimeoutError."""
        try:
            socket.send_fds(self._control, [json.dumps({"modules": dict(modules)}).encode() + b"\n"], fds)
            answer = self._control.recv(ANSWER_BYTES)
        except ConnectionError:
            return {}
        return json.loads(answer) if answer else {}

    def dismiss(self) -> None:
        """Ask it for nothing more: it ends after its last weavelet."""
        self._control.close()

    def kill(self) -> None:
        """End it at once; no weavelet may be left."""
        self.dismiss()
        self._popen.kill()
        self._popen.wait()

    def disown(self) -> None:
        """In a process that was forked from this one, whose child it is: leave it alone."""
        self.dismiss()
        self._popen.returncode = 0  # so that `subprocess` does not warn of a child that nobody waits for


class ForkServers:
    """The fork server of this process, and older ones whose weavelets still run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards everything here; held while the server is asked
        self._current: ForkServer | None = None
        self._dismissed: list[ForkServer] = []
        self._unfit: set[str] = set()  # modules that may not be preloaded

    def prepare(self) -> None:
        """Begin to start the server, and do not wait for it: it takes 0.1 s, in which one can do other things."""
        with self._lock:
            self._server()

    def start(self, modules: Modules, stdin: int, stdout: int, stderr: int) -> Forked:
        """Start a weavelet with these descriptors. About 2 ms; `modules` are imported before, where they are not yet.

        Raises:
            OSError: there are not enough descriptors, memory or processes.
            DeployError: the server does not work.
        """
        reader, writer = os.pipe()
        try:
            with self._lock:
                pid = self._ask(modules, [stdin, stdout, stderr, writer])
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        return Forked(pid, reader)

    def pid(self) -> int:
        """Return the process id of the server."""
        with self._lock:
            return self._server().pid

    def kill(self) -> None:
        """End the server, for good or until the next weavelet; none may be left."""
        with self._lock:
            self._dismiss()
            for server in self._dismissed:
                server.kill()
            self._dismissed = []

    def disown(self) -> None:
        """In a process that was forked from this one: begin anew."""
        self._lock = threading.Lock()  # another thread may have held the one that was there
        self._dismiss()
        for server in self._dismissed:
            server.disown()
        self._dismissed = []

    def _ask(self, modules: Modules, fds: list[int]) -> int:
        for _ in range(ATTEMPTS_MAX):
            fit = {name: file for name, file in modules.items() if name not in self._unfit}
            try:
                answer = self._server().ask(fit, fds)
            except TimeoutError:
                self._dismiss()
                raise DeployError(f"the fork server has not answered for {ANSWER_TIMEOUT_S:g} s.") from None
            match answer:
                case {"pid": int(pid)}:
                    return pid
                case {"errno": int(number)}:
                    raise OSError(number, f"{os.strerror(number)} (in the fork server)")
                case {"unfit": str(name)}:
                    self._unfit.add(name)
            self._dismiss()
        raise DeployError(
            f"the fork server has ended {ATTEMPTS_MAX} times in a row, see above. "
            'Try: [multi] start_method = "spawn" in weaver.toml.'
        )

    def _server(self) -> ForkServer:
        if self._current is not None and self._current.settings != _settings():
            self._dismiss()
        if self._current is None:
            self._dismissed = [server for server in self._dismissed if not server.has_ended]
            self._current = ForkServer()
        return self._current

    def _dismiss(self) -> None:
        if self._current is not None:
            self._current.dismiss()
            self._dismissed.append(self._current)
            self._current = None


def _settings() -> dict[str, str]:
    """Return those variables that what is preloaded reads only once."""
    return {name: value for name, value in os.environ.items() if name.startswith(READ_AT_IMPORT)}
