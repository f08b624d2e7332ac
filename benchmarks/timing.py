"""How calls are timed: in short blocks, by turns; by one thread, by many, or by many tasks. Knows no system."""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

from benchmarks.system import AsyncSystem, System

WAIT_S = 60.0  # for one block; a system that takes longer has failed


Run = Callable[[int], float]  # make so many calls; return the seconds they took
K = TypeVar("K")


def by_turns(tracks: Mapping[K, Run], blocks: int, block_s: float) -> dict[K, list[float]]:
    """Return seconds of a call for each track and block.

    The tracks take turns, block by block, so that what disturbs the machine disturbs all of them; nobody is always the
    first. Each makes as many calls in a block as fill `block_s`, found while it warms up.
    """
    names = list(tracks)
    counts = {name: _count_for(tracks[name], block_s) for name in names}
    times_s: dict[K, list[float]] = {name: [] for name in names}
    for number in range(blocks):
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            times_s[name].append(tracks[name](counts[name]) / counts[name])
    return times_s


def _count_for(run: Run, block_s: float) -> int:
    """Warm up, and return how many calls fill a block. What the first ones took says nothing: they open connections."""
    run(1)
    count = 1
    while run(count) < block_s / 2:
        count *= 2
    return max(1, round(count * block_s / run(count)))


def time_calls(call: Callable[[Any], Any], value: object, count: int) -> float:
    started_s = time.perf_counter()
    for _ in range(count):
        call(value)
    return time.perf_counter() - started_s


async def time_awaits(call: Callable[[Any], Awaitable[Any]], value: object, count: int) -> float:
    started_s = time.perf_counter()
    for _ in range(count):
        await call(value)
    return time.perf_counter() - started_s


class Callers(Protocol):
    """Ready to call: connections are open, threads run."""

    count: int

    def run(self, calls: int) -> float:
        """Let each of them make so many calls, one after the other; return the seconds until the last is done."""

    def close(self) -> None: ...


class OneThread:
    """The calling thread itself."""

    def __init__(self, system: System, method: str, value: object) -> None:
        self.count = 1
        self._call = system.connect(method)
        self._value = value

    def run(self, calls: int) -> float:
        return time_calls(self._call, self._value, calls)

    def close(self) -> None: ...


class Threads:
    """Many threads, which wait between blocks: so none is started, and no connection opened, while time runs."""

    def __init__(self, system: System, method: str, value: object, count: int) -> None:
        self.count = count
        self._system, self._method, self._value = system, method, value
        self._calls = 0
        self._error: BaseException | None = None
        self._barrier = threading.Barrier(count + 1, timeout=WAIT_S)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()
        self._meet()

    def run(self, calls: int) -> float:
        self._calls = calls
        self._meet()
        started_s = time.perf_counter()
        self._meet()
        return time.perf_counter() - started_s

    def close(self) -> None:
        self._calls = 0
        self._meet()
        for thread in self._threads:
            thread.join(WAIT_S)

    def _meet(self) -> None:
        try:
            self._barrier.wait()
        except threading.BrokenBarrierError:
            raise self._error or TimeoutError(f"{self._system.name}: threads waited {WAIT_S:g} s in vain") from None

    def _work(self) -> None:
        try:
            call = self._system.connect(self._method)
            self._barrier.wait()
            while True:
                self._barrier.wait()
                if not self._calls:
                    return
                time_calls(call, self._value, self._calls)
                self._barrier.wait()
        except BaseException as error:
            self._error = self._error or error
            self._barrier.abort()


class Tasks:
    """Many tasks on one event loop."""

    def __init__(self, system: AsyncSystem, loop: asyncio.AbstractEventLoop, method: str, value: object, count: int):
        self.count = count
        self._loop, self._value = loop, value
        self._call = loop.run_until_complete(asyncio.wait_for(system.open(method), WAIT_S))

    def run(self, calls: int) -> float:
        return self._loop.run_until_complete(asyncio.wait_for(self._run(calls), WAIT_S))

    async def _run(self, calls: int) -> float:
        tasks = [asyncio.ensure_future(time_awaits(self._call, self._value, calls)) for _ in range(self.count)]
        started_s = time.perf_counter()
        await asyncio.gather(*tasks)
        return time.perf_counter() - started_s

    def close(self) -> None: ...


def cpu_clock(pids: Iterable[int]) -> Callable[[], float]:
    """Return a function that tells the CPU seconds, user and system, of this process and of `pids` together.

    Threads that have ended count, to the nanosecond; /proc/PID/stat would know hundredths of a second.
    """
    clocks = [clock_of(pid) for pid in pids]
    return lambda: time.process_time() + sum(map(time.clock_gettime, clocks))


def clock_of(pid: int) -> int:
    """Return the clock of a process's CPU time, user and system of all its threads, for `time.clock_gettime`."""
    libc: Any = ctypes.CDLL(None)
    clock = ctypes.c_int()
    if libc.clock_getcpuclockid(pid, ctypes.byref(clock)):
        raise ProcessLookupError(f"process {pid} has no CPU clock: it has ended, or is another user's")
    return clock.value
