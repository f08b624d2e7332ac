"""The suite "calls": one round of calls between two processes, raw and other systems by turns in short blocks.

Runs in a fresh process (`benchmarks.child`), and every system has a server as fresh, since one pair of processes can be
faster or slower than another for its whole life. Not in here: how rounds become a figure.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import ExitStack
from typing import Any

from benchmarks.cases import BASES, CASES, SYSTEMS, Case
from benchmarks.system import AsyncSystem, System
from benchmarks.timing import Callers, OneThread, Tasks, Threads, by_turns, cpu_clock
from benchmarks.values import VALUES

CROWD_FACTOR = 4  # blocks of many callers last longer, since their start and end are ragged


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each system and case: µs of a call, of its base in this round, and CPU µs of both processes.

    Of a stream, all of them are those of one item.

    Args:
        spec: "systems" and "cases" by name; "blocks", how many of each; "block_s", how long one should take.
    """
    with ExitStack() as stack:
        names = [*BASES, *(name for name in spec["systems"] if name not in BASES)]
        entrants = [Entrant(SYSTEMS[name], stack) for name in names]
        rows = [entrant.start() for entrant in entrants]
        for case in CASES:
            if case.name in spec["cases"]:
                rows += measure_case(case, entrants, spec["blocks"], spec["block_s"])
    return with_bases(rows)


class Entrant:
    """A system in this round, and its event loop if it has one."""

    def __init__(self, system: System, stack: ExitStack) -> None:
        self.system = system
        self._stack = stack
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> dict[str, Any]:
        """Start it, and return how long that took until the first answer."""
        started_s = time.perf_counter()
        self._stack.callback(self.system.stop)
        self.system.start()
        if isinstance(self.system, AsyncSystem):
            self._loop = self.system.new_loop()
            self._stack.callback(self._close_loop, self.system, self._loop)
        self.callers(Case("", "tiny")).run(1)
        elapsed_ms = (time.perf_counter() - started_s) * 1e3
        return {"system": self.system.name, "case": "start to first call", "unit": "ms", "value": elapsed_ms}

    def callers(self, case: Case) -> Callers:
        value = VALUES[case.value]
        if isinstance(self.system, AsyncSystem):
            assert self._loop is not None
            return Tasks(self.system, self._loop, case.method, value, case.callers)
        if case.callers > 1:
            return Threads(self.system, case.method, value, case.callers)
        return OneThread(self.system, case.method, value)

    @staticmethod
    def _close_loop(system: AsyncSystem, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(system.close())
        loop.close()


def measure_case(case: Case, entrants: list[Entrant], blocks: int, block_s: float) -> list[dict[str, Any]]:
    with ExitStack() as stack:
        meters = {}
        for entrant in entrants:
            if case.takes(entrant.system):
                callers = entrant.callers(case)
                stack.callback(callers.close)
                meters[entrant.system.name] = Meter(callers, entrant.system.pids())
        times_s = by_turns(meters, blocks, block_s * (CROWD_FACTOR if case.callers > 1 else 1))
    at_once = case.callers * case.items
    return [
        {
            "system": name,
            "case": case.name,
            "unit": "µs",
            "value": statistics.median(times_s[name]) / at_once * 1e6,
            "cpu_us": statistics.median(meter.cpu_us[-blocks:]) / case.items,
            "blocks": [round(time_s / at_once * 1e6, 3) for time_s in times_s[name]],
        }
        for name, meter in meters.items()
    ]


class Meter:
    """Lets callers call, and reads the CPU clocks of both sides before and after."""

    def __init__(self, callers: Callers, pids: list[int]) -> None:
        self._callers = callers
        self._cpu_s = cpu_clock(pids)
        self.cpu_us: list[float] = []  # of one call, for each run

    def __call__(self, count: int) -> float:
        cpu_s = self._cpu_s()
        elapsed_s = self._callers.run(count)
        self.cpu_us.append((self._cpu_s() - cpu_s) / count / self._callers.count * 1e6)
        return elapsed_s


def with_bases(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write beside each row what the limit took in the same round."""
    found = {(row["system"], row["case"]): row for row in rows}
    cases = {case.name: case for case in CASES}
    for row in rows:
        case = cases.get(row["case"], Case(row["case"], ""))
        base = found.get((case.base, case.base_case or case.name), {})
        row |= {"base": base.get("value"), "base_cpu_us": base.get("cpu_us")}
    return rows
