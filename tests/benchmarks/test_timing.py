"""Blocks take turns and fill their time; every caller makes its calls; CPU clocks count. No time is measured here."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from threading import get_ident

import pytest

from benchmarks.system import AsyncCaller, AsyncSystem, Caller, System
from benchmarks.timing import Tasks, Threads, by_turns, cpu_clock


class Counting(System):
    """Counts the calls of each thread, and fails after so many."""

    def __init__(self, fails_at: int = 1_000_000) -> None:
        super().__init__("counting")
        self.calls: Counter[int] = Counter()
        self._fails_at = fails_at

    def connect(self, method: str = "echo") -> Caller:
        def call(value: object) -> None:
            self.calls[get_ident()] += 1
            if self.calls[get_ident()] >= self._fails_at:
                raise ConnectionResetError("the server is gone")

        return call


class CountingTasks(AsyncSystem):
    def __init__(self) -> None:
        super().__init__("counting")
        self.calls: Counter[object] = Counter()

    async def open(self, method: str = "echo") -> AsyncCaller:
        async def call(value: object) -> None:
            self.calls[asyncio.current_task()] += 1

        return call


def test_tracks_take_turns_and_nobody_is_always_the_first() -> None:
    order = []

    def track(name: str, cost_s: float) -> object:
        def run(count: int) -> float:
            order.append(name)
            return count * cost_s

        return run

    times_s = by_turns({"a": track("a", 0.5), "b": track("b", 2.0)}, blocks=3, block_s=1.0)  # type: ignore[dict-item]

    assert "".join(order[-6:]) == "abbaab"
    assert times_s == {"a": [0.5] * 3, "b": [2.0] * 3}


def test_a_block_has_as_many_calls_as_fill_its_time() -> None:
    counts = []

    def run(count: int) -> float:
        counts.append(count)
        return count * 0.001

    by_turns({"only": run}, blocks=2, block_s=0.5)

    assert counts[-2:] == [500, 500]


def test_a_slow_first_call_does_not_make_short_blocks() -> None:
    """It opens the connections, or starts what is started at the first call."""
    counts: list[int] = []

    def run(count: int) -> float:
        counts.append(count)
        return count * 0.001 + (1.0 if len(counts) == 1 else 0.0)

    by_turns({"only": run}, blocks=1, block_s=0.5)

    assert counts[-1] == 500


def test_no_track_is_no_block() -> None:
    assert by_turns({}, blocks=3, block_s=1.0) == {}


def test_every_thread_makes_its_calls_in_every_block() -> None:
    system = Counting()
    threads = Threads(system, "echo", 1, count=4)

    threads.run(3)
    threads.run(5)
    threads.close()

    assert sorted(system.calls.values()) == [8, 8, 8, 8]


def test_an_error_of_one_thread_ends_the_block_and_is_raised() -> None:
    threads = Threads(Counting(fails_at=2), "echo", 1, count=3)

    with pytest.raises(ConnectionResetError, match="the server is gone"):
        threads.run(5)


def test_every_task_makes_its_calls() -> None:
    system, loop = CountingTasks(), asyncio.new_event_loop()
    try:
        Tasks(system, loop, "echo", 1, count=4).run(3)
    finally:
        loop.close()

    assert sorted(system.calls.values()) == [3, 3, 3, 3]


def test_a_cpu_clock_counts_the_work_of_the_processes_that_it_is_given() -> None:
    both, mine = cpu_clock([os.getpid()]), cpu_clock([])

    before_s = mine()

    assert both() >= 2 * before_s > 0  # this process, once as itself and once as a server, a little later


def test_a_process_that_is_gone_has_no_cpu_clock() -> None:
    with pytest.raises(ProcessLookupError, match="no CPU clock"):
        cpu_clock([2**22 + 1])  # above every process id of Linux
