"""Trials of faults over real processes: callers call, something breaks; what they hear is held against what was done.

`tests/faults` runs them small, `benchmarks/faults.py` large. Not in here: which outcome is good enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import weaverlab as weaver
from weaverlab import Component, Deployment, Ref, not_retriable
from weaverlab.config import parse
from weaverlab.deployers import supervisor
from weaverlab.deployers.processes import fork_servers
from weaverlab.errors import RemoteCallError, WeaverError
from weaverlab.types import ReplicaInfo

PATIENCE_S = 30.0
LOOK_S = 0.001  # between two looks at what replicas do
LINGER_S = 0.02  # from the deed to the answer, so that many a process is killed between the two
RESTARTS_WITHOUT_END = parse("[multi]\nrestarts_max = 1000000\n")


class Ledger(Component):
    """Writes down each call that it executes, lingers, and answers with its process id."""

    def ping(self) -> int:
        return os.getpid()

    async def ping_async(self) -> int:
        return os.getpid()

    def enter(self, path: str, call: str) -> int:
        write_down(path, call)
        time.sleep(LINGER_S)
        return os.getpid()

    @not_retriable
    def enter_once(self, path: str, call: str) -> int:
        return self.enter(path, call)

    async def enter_async(self, path: str, call: str) -> int:
        write_down(path, call)
        await asyncio.sleep(LINGER_S)
        return os.getpid()

    @not_retriable
    async def enter_once_async(self, path: str, call: str) -> int:
        return await self.enter_async(path, call)


class Keeper(Component):
    """Has a ledger; the two of them are an application."""

    ledger: Ref[Ledger]

    def ping(self) -> int:
        return self.ledger.ping()


def write_down(path: str, call: str) -> None:
    """Append a line to a file: whole, or not at all, also when this process is killed."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{call}\n".encode())
    os.close(fd)


@dataclass(frozen=True)
class Called:
    """One call as its caller saw it; `pid` is of the process that answered, 0 when there was an error."""

    caller: str
    name: str
    may_be_repeated: bool
    began_s: float
    ended_s: float
    pid: int
    error: WeaverError | None


class Load:
    """Threads and tasks that call a ledger while the block lasts, half of the calls not retriable."""

    def __init__(self, app: Deployment, path: Path, threads: int, tasks: int, rate: float, timeout_s: float) -> None:
        """`rate` is calls a second, of all callers together; `timeout_s` is the deadline of each call."""
        self.calls: list[Called] = []
        self._ledger: Any = app.get(Ledger)
        self._path = str(path)
        self.callers = [*(f"t{n}" for n in range(threads)), *(f"a{n}" for n in range(tasks))]
        self._tasks = tasks
        self._pause_s = (threads + tasks) / rate
        self._timeout_s = timeout_s
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._call_blocking, args=(one,)) for one in self.callers[:threads]]
        self._threads.append(threading.Thread(target=lambda: asyncio.run(self._call_awaiting())))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _call_blocking(self, caller: str) -> None:
        turn = Turn(self._pause_s)
        for number, call in self._numbered(self._ledger.enter, self._ledger.enter_once):
            time.sleep(turn.wait_s())
            name, began_s = f"{caller}.{number}", time.monotonic()
            try:
                with weaver.timeout(self._timeout_s):
                    pid, error = call(self._path, name), None
            except WeaverError as raised:
                pid, error = 0, raised
            self.calls.append(Called(caller, name, number % 2 == 0, began_s, time.monotonic(), pid, error))

    async def _call_awaiting(self) -> None:
        await asyncio.gather(*(self._call_as_task(caller) for caller in self.callers[-self._tasks :]))

    async def _call_as_task(self, caller: str) -> None:
        turn = Turn(self._pause_s)
        for number, call in self._numbered(self._ledger.enter_async, self._ledger.enter_once_async):
            await asyncio.sleep(turn.wait_s())
            name, began_s = f"{caller}.{number}", time.monotonic()
            try:
                with weaver.timeout(self._timeout_s):
                    pid, error = await call(self._path, name), None
            except WeaverError as raised:
                pid, error = 0, raised
            self.calls.append(Called(caller, name, number % 2 == 0, began_s, time.monotonic(), pid, error))

    def _numbered(self, *methods: Callable[..., Any]) -> Iterator[tuple[int, Callable[..., Any]]]:
        number = 0
        while not self._is_over.is_set():
            yield number, methods[number % len(methods)]
            number += 1


class Turn:
    """When a caller calls next: every `pause_s`, at once when it is late, and never to make up for a long wait."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self._next_s = time.monotonic()

    def wait_s(self) -> float:
        now_s = time.monotonic()
        self._next_s = max(self._next_s + self._pause_s, now_s)
        return self._next_s - now_s


@dataclass
class Outcome:
    """What a fault did to the calls: `untrue` is what callers were told that is not so, in words."""

    fault: str
    calls: int = 0
    calls_per_s: float = 0.0
    failed_retriable: int = 0
    failed_once: int = 0
    untrue: list[str] = field(default_factory=list)
    recovered_s: list[float] = field(default_factory=list)
    longest_s: float = 0.0  # that a caller waited, of what may be repeated
    longest_once_s: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)  # how many of each type


def outcome(fault: str, calls: list[Called], path: Path, recovered_s: list[float]) -> Outcome:
    """Hold what callers were told against the calls written down in `path`."""
    done = Counter(path.read_text().split())
    result = Outcome(fault, len(calls), recovered_s=recovered_s)
    lasted_s = max(call.ended_s for call in calls) - min(call.began_s for call in calls)
    result.calls_per_s = len(calls) / lasted_s
    result.longest_s = max(call.ended_s - call.began_s for call in calls if call.may_be_repeated)
    result.longest_once_s = max(call.ended_s - call.began_s for call in calls if not call.may_be_repeated)
    for call in calls:
        times, error = done[call.name], call.error
        if error is None:
            if not times:
                result.untrue.append(f"{call.name} was answered and not executed")
        else:
            result.errors[type(error).__name__] = result.errors.get(type(error).__name__, 0) + 1
            result.failed_retriable += call.may_be_repeated
            result.failed_once += not call.may_be_repeated
            if not isinstance(error, RemoteCallError):
                result.untrue.append(f"{call.name} failed with {error!r}")
            elif times and not error.maybe_executed:
                result.untrue.append(f"{call.name} was executed, though its caller heard: {error}")
        if times > 1 and not call.may_be_repeated:
            result.untrue.append(f"{call.name} was executed {times} times")
    return result


def kill(kills: int, replicas: int, rate: float, threads: int = 8, tasks: int = 24) -> Outcome:
    """SIGKILL one weavelet after the other under load, each when every caller has been answered since the last."""
    with folder() as path, first_deaths_only(), ledgers(replicas) as app:
        recovered_s = []
        with Load(app, path, threads, tasks, rate, PATIENCE_S) as load:
            for number in range(kills):
                wait_for_all_callers(load)
                victim = app.replicas(Ledger)[number % replicas]
                killed_s, calls = time.monotonic(), len(load.calls)
                os.kill(victim.pid, signal.SIGKILL)
                again = wait_for_another(app, victim)
                recovered_s.append(wait_for_answer(load, calls, again.pid).ended_s - killed_s)
        return outcome(f"SIGKILL of 1 of {replicas} under load", load.calls, path, recovered_s)


def freeze(pause_s: float, rate: float, timeout_s: float, threads: int = 4, tasks: int = 8) -> Outcome:
    """SIGSTOP one of two weavelets under load for `pause_s`, and let it go on."""
    with folder() as path, ledgers(replicas=2) as app:
        with Load(app, path, threads, tasks, rate, timeout_s) as load:
            wait_for_all_callers(load)
            victim = app.replicas(Ledger)[0]
            with frozen(victim.pid):
                time.sleep(pause_s)
            went_on_s, calls = time.monotonic(), len(load.calls)
            answer = wait_for_answer(load, calls, victim.pid, began_after_s=went_on_s)
        fault = f"SIGSTOP of 1 of 2 for {pause_s:g} s, deadline {timeout_s:g} s"
        return outcome(fault, load.calls, path, [answer.ended_s - went_on_s])


def kill_fork_server(times: int) -> list[float]:
    """SIGKILL the fork server, and with it every weavelet; return the seconds until all are back, each time."""
    back_s = []
    with first_deaths_only(), ledgers(replicas=2) as app:
        for _ in range(times):
            before = app.replicas(Ledger)
            killed_s = time.monotonic()
            os.kill(fork_servers.pid(), signal.SIGKILL)
            for replica in before:
                wait_for_another(app, replica)
            app.get(Ledger).ping()
            back_s.append(time.monotonic() - killed_s)
    return back_s


DEPLOYS = """
import sys, weaverlab as weaver
from benchmarks.fault_trials import Keeper, Ledger
app = weaver.deploy(Keeper, replicas={Ledger: 2})
print(*(replica.pid for replica in app.replicas()), flush=True)
sys.stdin.read()
"""


def kill_deployer(freezes_one: bool = False) -> float:
    """SIGKILL a process that has deployed; return the seconds until no weavelet and no file of it is left.

    With `freezes_one` one of the weavelets has been stopped before.
    """
    with tempfile.TemporaryDirectory(prefix="wl-") as name:
        root = str(Path(__file__).parent.parent)
        environ = {**os.environ, "TMPDIR": name, "XDG_RUNTIME_DIR": "", "PYTHONPATH": root}
        command = [sys.executable, "-c", DEPLOYS]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as deployer:
            assert deployer.stdout is not None
            pids = [int(pid) for pid in deployer.stdout.readline().split()]
            if freezes_one:
                os.kill(pids[0], signal.SIGSTOP)
            killed_s = time.monotonic()
            deployer.kill()
            wait_for(lambda: not any(runs(pid) for pid in pids) and not os.listdir(name))
            return time.monotonic() - killed_s


@dataclass(frozen=True)
class Size:
    """What this process holds after so many rounds."""

    rounds: int
    threads: int
    descriptors: int
    memory_kb: int
    objects: int


def size(rounds: int) -> Size:
    gc.collect()
    memory_kb = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return Size(rounds, threading.active_count(), len(os.listdir("/proc/self/fd")), memory_kb, len(gc.get_objects()))


def restarts(marks: tuple[int, ...]) -> Iterator[Size]:
    """SIGKILL the same weavelet again and again; yield how large the deployer is after each number in `marks`."""
    with first_deaths_only(), ledgers(replicas=1) as app:
        for number in range(1, marks[-1] + 1):
            victim = app.replicas(Ledger)[0]
            os.kill(victim.pid, signal.SIGKILL)
            wait_for_another(app, victim)
            if number in marks:
                yield size(number)


def cycles(deployer: Literal["single", "rpc", "multi"], marks: tuple[int, ...]) -> Iterator[Size]:
    """Deploy an application of two components, call it and stop it, again and again."""
    for number in range(1, marks[-1] + 1):
        with weaver.deploy(Keeper, deployer=deployer, show=say_nothing) as app:
            app.get(Keeper).ping()
            asyncio.run(app.get(Ledger).ping_async())
        if number in marks:
            yield size(number)


@contextlib.contextmanager
def ledgers(replicas: int) -> Iterator[Deployment]:
    with weaver.deploy(Ledger, replicas={Ledger: replicas}, config=RESTARTS_WITHOUT_END, show=say_nothing) as app:
        yield app


@contextlib.contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stop a process while the block lasts."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Yield the path of a ledger's file."""
    with tempfile.TemporaryDirectory(prefix="wl-") as name:
        path = Path(name, "ledger")
        path.touch()
        yield path


@contextlib.contextmanager
def first_deaths_only() -> Iterator[None]:
    """Let each death count as a replica's first, so that what is measured is not the growing pause between restarts."""
    stable_s, supervisor.STABLE_S = supervisor.STABLE_S, 0.0
    try:
        yield
    finally:
        supervisor.STABLE_S = stable_s


def wait_for(look: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Return what `look` returns as soon as that is true."""
    ends_s = time.monotonic() + patience_s
    while not (seen := look()):
        assert time.monotonic() < ends_s, f"waited {patience_s:g} s in vain"
        time.sleep(LOOK_S)
    return seen


def wait_for_another(app: Deployment, victim: ReplicaInfo) -> ReplicaInfo:
    """Return the replica in `victim`'s place when it is ready."""

    def look() -> ReplicaInfo | None:
        now = next(replica for replica in app.replicas(Ledger) if replica.id == victim.id)
        return now if now.healthy and now.pid != victim.pid else None

    found: ReplicaInfo = wait_for(look)
    return found


def wait_for_all_callers(load: Load) -> None:
    """Return when every caller has had two more answers; the first may be of a call that has begun already."""
    before = len(load.calls)

    def look() -> bool:
        answers = Counter(call.caller for call in load.calls[before:])
        return all(answers[caller] > 1 for caller in load.callers)

    wait_for(look)


def wait_for_answer(load: Load, first: int, pid: int, began_after_s: float = 0.0) -> Called:
    """Return the first of the calls from number `first` on that this process answered."""

    def look() -> Called | None:
        return next((call for call in load.calls[first:] if call.pid == pid and call.began_s > began_after_s), None)

    found: Called = wait_for(look)
    return found


def runs(pid: int) -> bool:
    """Tell whether this process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def say_nothing(entry: object) -> None:
    pass
