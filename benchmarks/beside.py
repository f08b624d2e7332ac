"""The suite "beside": the tiny call while a thread computes, in the caller's process or in the callee's.

A thread that wants to run Python code waits for the interpreter's switch interval, 5 ms, until the computing one lets
go. Between calls the caller sleeps, so that the computing thread is not kept from running. The base of each figure is
that of the raw socket beside the same kind of thread, in the same round.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks.ours import AwaitedHandle, BlockingHandle, compute_until
from benchmarks.raw import Raw
from benchmarks.raw import serve as serve_raw
from benchmarks.system import AsyncCaller, Caller
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


def serve_and_compute(ready: Callable[[object], None], folder: str, *exchange: Any) -> None:
    threading.Thread(target=compute_until, args=(threading.Event(),), daemon=True).start()
    serve_raw(ready, folder, *exchange)


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return p50 and p99 in µs for each system and place of the computing thread."""
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        raw, busy_raw = Raw("raw"), BusyRaw("raw")
        handle, awaited = BlockingHandle("handle"), AwaitedHandle("handle, asyncio")
        for system in (raw, busy_raw, handle, awaited):
            stack.callback(system.stop)
            system.start()

        def time_all(limit: Raw) -> dict[str, list[float]]:
            call_async = loop.run_until_complete(awaited.open())
            lasting_s = spec["block_s"] * BLOCKS
            return {
                "raw": time_each(limit.connect(), lasting_s),
                "handle": time_each(handle.connect(), lasting_s),
                "handle, asyncio": loop.run_until_complete(time_each_async(call_async, lasting_s)),
            }

        with computing_here():
            rows = rows_of(PLACES[0], time_all(raw))
        handle.deployed.handle.compute()
        awaited.deployed.handle.compute()
        return rows + rows_of(PLACES[1], time_all(busy_raw))


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


async def time_each_async(call: AsyncCaller, lasting_s: float) -> list[float]:
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
