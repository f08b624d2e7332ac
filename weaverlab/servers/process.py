"""The processes of one group of servers: started without privileges, in sessions of their own, ended all at once.

Not in here: what the programs are, and what is said to them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from weaverlab.clock import SystemClock
from weaverlab.errors import ServerError

END_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 20.0  # RabbitMQ takes a few seconds to stop in order
LOG_TAIL_LINES = 40  # mariadb-install-db says what went wrong thirty lines before its end
# Below the ports that the kernel gives to others (from 32768 on Linux), so that a server which is stopped for a while
# finds its own again.
PORTS = range(20_000, 30_000)
PORT_ATTEMPTS_MAX = 100
# Settings of clients and servers that would change ours, and passwords, which a server has no business to know.
UNPASSED_PREFIXES = ("ERL_", "MARIADB", "MYSQL", "NOTIFY_", "PG", "RABBITMQ_", "REDIS")
UNPASSED_SUFFIX = "_PASSWORD"
LOOK_AGAIN_S = 0.003


@dataclass(frozen=True)
class Launch:
    """What to start: a program with its arguments, which other users can see, and its standard input."""

    argv: tuple[str, ...]
    stdin: str = field(default="", repr=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    stop: signal.Signals = signal.SIGTERM  # what stops it in order
    end: signal.Signals = signal.SIGKILL  # what ends it at once and leaves nothing behind


class Process:
    """A program that runs. Its session, and so its process group, is its own."""

    def __init__(self, popen: subprocess.Popen[str], launch: Launch, log: Path) -> None:
        self._popen = popen
        self._launch = launch
        self._log = log

    @property
    def pid(self) -> int:
        return self._popen.pid

    def has_ended(self) -> bool:
        return self._popen.poll() is not None

    def wait(self, timeout_s: float) -> int:
        """Return its exit code. Raises ServerError when it still runs then."""
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ServerError(
                f"{self._launch.argv[0]} has not ended within {timeout_s:g} s.{self.last_words()}"
            ) from None

    def stop(self) -> None:
        """Ask it to stop, and wait until it has; kill it when it does not."""
        self._popen.send_signal(self._launch.stop)
        try:
            self._popen.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, and what it has started."""
        if self.has_ended():  # its number may be another's by now
            return
        os.killpg(self.pid, self._launch.end)
        try:
            self._popen.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()

    def last_words(self) -> str:
        """Return the end of its log as lines to append to a message."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return "".join(f"\n  {line}" for line in ["Its last words:", *lines[-LOG_TAIL_LINES:]]) if lines else ""


class Processes:
    """Starts the processes of one group, as a system user where we are root, and ends them all."""

    def __init__(self, folder: Path, account: pwd.struct_passwd | None) -> None:
        self._folder = folder
        self._account = account
        self._ports: set[int] = set()
        self._lock = threading.Lock()  # guards the next two: what is started while all are being ended would stay
        self._running: list[Process] = []
        self._is_closed = False

    def start(self, launch: Launch, name: str) -> Process:
        """Start a program; what it prints goes to NAME.log. The main thread's business: see `_ending_with_us`."""
        log = self._folder / f"{name}.log"
        account = self._account
        with self._lock, open(log, "a") as output:
            if self._is_closed:
                raise ServerError("the group is being taken down")
            popen = subprocess.Popen(
                [*_ending_with_us(launch.end), *launch.argv],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                text=True,
                cwd=self._folder,
                env={**self._environ(), **launch.environ},
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
            process = Process(popen, launch, log)
            self._running.append(process)
        assert popen.stdin is not None
        with contextlib.suppress(BrokenPipeError), popen.stdin:  # it has ended: whoever waits for it will notice
            popen.stdin.write(launch.stdin)
        return process

    def run(self, launch: Launch, name: str, timeout_s: float) -> None:
        """Run a tool to its end. Raises ServerError with its last words when it fails."""
        process = self.start(launch, name)
        if code := process.wait(timeout_s):
            raise ServerError(f"{launch.argv[0]} has failed with exit code {code}.{process.last_words()}")

    def give(self, path: Path) -> None:
        """Let the servers' account own `path`."""
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def write(self, path: Path, text: str) -> None:
        """Write a file that only the servers' account can read."""
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with open(fd, "w") as file:
            file.write(text)
        self.give(path)

    def make_folder(self, path: Path) -> None:
        """Make `path` anew, empty."""
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        self.give(path)

    def free_port(self) -> int:
        """Return a port of 127.0.0.1 that nobody uses now, another one each time."""
        for port in random.sample(PORTS, PORT_ATTEMPTS_MAX):
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                if port not in self._ports:
                    self._ports.add(port)
                    return port
        raise ServerError(f"of {PORT_ATTEMPTS_MAX} ports tried between {PORTS[0]} and {PORTS[-1]} none is free")

    def kill_all(self) -> None:
        """End everything at once, for good."""
        with self._lock:
            self._is_closed = True
            for process in self._running:
                process.kill()

    def _environ(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(UNPASSED_PREFIXES) and not name.endswith(UNPASSED_SUFFIX)
        }
        return kept | {"HOME": str(self._folder), "LC_ALL": "C", "TMPDIR": str(self._folder)}


def account_of(user: str) -> pwd.struct_passwd | None:
    """Return as whom to run servers: `user`, of Debian's package, or else nobody; None unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(user)
    except KeyError:
        return pwd.getpwnam("nobody")


def wait_until(process: Process, what: str, holds: Callable[[], bool], timeout_s: float) -> None:
    """Wait until `holds()`; raise ServerError when the process ends first, or time is over."""
    ends_s = SystemClock.now_s() + timeout_s
    while not holds():
        if process.has_ended():
            raise ServerError(f"{what}: the server has ended instead.{process.last_words()}")
        if SystemClock.now_s() > ends_s:
            raise ServerError(f"{what}: not within {timeout_s:g} s.{process.last_words()}")
        SystemClock.sleep(LOOK_AGAIN_S)


def _ending_with_us(end: signal.Signals) -> list[str]:
    """Return what to write before a command so that the kernel ends it with us, also after SIGKILL.

    "Us" is the thread that starts it. Where util-linux is not, only an orderly end of ours ends it.
    """
    return ["setpriv", "--pdeathsig", end.name.removeprefix("SIG"), "--"] if shutil.which("setpriv") else []
