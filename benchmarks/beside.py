"""The suite "beside": the tiny call while a thread computes, in the caller's process or in the callee's.

A thread that wants to run Python code waits for the interpreter's switch interval, 5 ms, until the computing one lets
go. Between calls the caller sleeps, so that the computing thread is not kept from running. Nothing else computes
meanwhile: the systems are started one after the other. The base of each figure is
that of the raw socket beside the same kind of thread, in the same round.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from benchmarks.ours import AwaitedHandle, BlockingHandle, compute_until
from benchmarks.raw import Raw
from benchmarks.raw import serve as serve_raw
from benchmarks.system import AsyncSystem, Caller, System
from weaverlab.experiment import percentile

CALLS_MAX = 300
WARM_UP = 5
PAUSE_S = 0.001
BLOCKS = 30  # the time for one system is that of so many short blocks elsewhere, since a call may take 20 ms
VALUE = "hello"
PLACES = ("in the caller", "in the callee")


class BusyRaw(Raw):
    """A raw server in whose process a thread computes."""

    def start(self) -> None:
        self._addresses = self.serve(serve_and_compute, self.folder(), *self._exchange)


class BusyHandle(BlockingHandle):
    """A component in whose process a thread computes."""

    def start(self) -> None:
        super().start()
        self.deployed.handle.compute()


class BusyAwaitedHandle(AwaitedHandle):
    """The same, for its async methods."""

    def start(self) -> None:
        super().start()
        self.deployed.handle.compute()


QUIET = (Raw("raw"), BlockingHandle("handle"), AwaitedHandle("handle, asyncio"))
BUSY = (BusyRaw("raw"), BusyHandle("handle"), BusyAwaitedHandle("handle, asyncio"))


def serve_and_compute(ready: Callable[[object], None], folder: str, *exchange: Any) -> None:
    threading.Thread(target=compute_until, args=(threading.Event(),), daemon=True).start()
    serve_raw(ready, folder, *exchange)


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return p50 and p99 in µs for each system and place of the computing thread."""
    lasting_s = spec["block_s"] * BLOCKS
    here = {system.name: time_beside(system, computing_here(), lasting_s) for system in QUIET}
    there = {system.name: time_beside(system, nullcontext(), lasting_s) for system in BUSY}
    return rows_of(PLACES[0], here) + rows_of(PLACES[1], there)


def time_beside(system: System, computing: AbstractContextManager[None], lasting_s: float) -> list[float]:
    """Start `system`, time its calls while `computing` lasts, stop it: one thread computes at a time, on all CPUs."""
    system.start()
    try:
        with computing:
            if isinstance(system, AsyncSystem):
                return asyncio.run(time_each_async(system, lasting_s))
            return time_each(system.connect(), lasting_s)
    finally:
        system.stop()


@contextmanager
def computing_here() -> Iterator[None]:
    """Compute on another thread of this process while the block lasts."""
    is_over = threading.Event()
    thread = threading.Thread(target=compute_until, args=(is_over,))
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def rows_of(place: str, times_us: dict[str, list[float]]) -> list[dict[str, Any]]:
    return [
        {
            "system": system,
            "case": f"{name}, thread {place}",
            "unit": "µs",
            "value": percentile(times, share),
            "base": percentile(times_us["raw"], share),
        }
        for name, share in (("p50", 0.50), ("p99", 0.99))
        for system, times in times_us.items()
    ]


def time_each(call: Caller, lasting_s: float) -> list[float]:
    """Return the µs of each of the calls that were made in so many seconds."""
    times_us: list[float] = []
    for _ in turns(lasting_s):
        time.sleep(PAUSE_S)
        started_s = time.perf_counter()
        call(VALUE)
        times_us.append((time.perf_counter() - started_s) * 1e6)
    return times_us[WARM_UP:]


async def time_each_async(system: AsyncSystem, lasting_s: float) -> list[float]:
    call = await system.open()
    times_us: list[float] = []
    for _ in turns(lasting_s):
        await asyncio.sleep(PAUSE_S)
        started_s = time.perf_counter()
        await call(VALUE)
        times_us.append((time.perf_counter() - started_s) * 1e6)
    return times_us[WARM_UP:]


def turns(lasting_s: float) -> Iterator[int]:
    """Count until the time is over, but to twice the warm-up at least."""
    ends_s = time.perf_counter() + lasting_s
    for number in range(WARM_UP + CALLS_MAX):
        if number >= 2 * WARM_UP and time.perf_counter() >= ends_s:
            return
        yield number
