"""The protocol of an engine: whoever starts the processes of a deployment, one for each replica.

An engine knows where and how a process runs, and nothing else. The deployer above it knows the rest: what a weavelet
hosts, whether it is ready, healthy or dead, when it is started again, who calls whom, and in which order to stop. So an
engine is small. This is a whole one:

    class Process:
        def __init__(self, popen):
            self._popen = popen
            self.pid = popen.pid
            self.lifeline_fd = popen.stdin.fileno()
            self.events_fd = popen.stdout.fileno()
            self.output_fd = popen.stderr.fileno()

        def send_signal(self, number):
            self._popen.send_signal(number)

        def wait(self, timeout_s):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._popen.wait(timeout_s)
            return None

        def close(self):
            for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
                pipe.close()

    class Subprocesses:
        name = "subprocesses"

        def start(self, replica):
            command = [sys.executable, "-m", "weaverlab.runtime"]
            return Process(subprocess.Popen(command, bufsize=0, stdin=PIPE, stdout=PIPE, stderr=PIPE))

    app = weaverlab.deploy(App, deployer=Subprocesses())

What a weavelet process reads and writes is in `runtime.child`. Weavelets reach each other over UNIX sockets in a
directory of the deployer's, so they run on the deployer's machine, and as its user.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class WeaveletProcess(Protocol):
    """One process that an engine has started, and the engine's ends of its three pipes.

    The deployer calls it from several threads, but `wait` and `close` from one only.
    """

    @property
    def pid(self) -> int:
        """The process id, for people to see."""

    @property
    def lifeline_fd(self) -> int:
        """A file descriptor to write to: the process's standard input. It may be switched to non-blocking.

        As soon as it is closed in every process that has it, the weavelet ends itself. So nobody else may inherit it.
        """

    @property
    def events_fd(self) -> int:
        """A file descriptor to read from: the process's standard output, on which nobody but the weavelet writes.

        Its end is the first sign that the process has ended.
        """

    @property
    def output_fd(self) -> int:
        """A file descriptor to read from: the process's standard error, with all that the application prints."""

    def send_signal(self, number: int) -> None:
        """Send the process a signal: SIGKILL, SIGSTOP or SIGCONT. Does nothing when it has ended."""

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code once the process has ended, minus the number of the signal that killed it.

        Returns None when it still runs after `timeout_s`, which may be 0; may be called again after an exit code.
        """

    def close(self) -> None:
        """Release what belongs to the process, the file descriptors too. Called once, when it has ended."""


@runtime_checkable
class Engine(Protocol):
    """Starts weavelet processes. `weaverlab.deploy(..., deployer=engine)` accepts any object of this form."""

    @property
    def name(self) -> str:
        """What `status()` calls the deployer."""

    def start(self, replica: str) -> WeaveletProcess:
        """Start a process for the replica of this id, such as `Storage/1`, and return without waiting for it.

        One thread at a time calls it, also when a replica has died and is started again; while it lasts, nothing else
        of the deployment is watched. What it raises fails the deployment, with the message.
        """
