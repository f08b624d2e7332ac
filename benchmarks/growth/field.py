"""Who takes part in a sweep: one deployed component, called by threads and by tasks, and often the raw limit.

All of them take turns in short blocks, as in the other benchmarks. Not in here: what is varied.
"""

from __future__ import annotations

import asyncio
import statistics
from contextlib import ExitStack
from typing import Any

from benchmarks.growth.sweeps import Quantity
from benchmarks.raw import Raw
from benchmarks.system import AsyncCaller, AsyncSystem, Caller, System
from benchmarks.timing import Callers, OneThread, Tasks, Threads, by_turns

LIMIT = "limit"
CROWD_FACTOR = 3  # blocks of many callers last longer, since their start and end are ragged


class BlockingMethods(System):
    """A handle whose methods block."""

    def __init__(self, handle: Any) -> None:
        super().__init__("threads")
        self._handle = handle

    def connect(self, method: str = "echo") -> Caller:
        caller: Caller = getattr(self._handle, method)
        return caller


class AwaitedMethods(AsyncSystem):
    """The same handle's methods that are awaited."""

    def __init__(self, handle: Any) -> None:
        super().__init__("tasks")
        self._handle = handle

    async def open(self, method: str = "echo") -> AsyncCaller:
        caller: AsyncCaller = getattr(self._handle, f"{method}_async")
        return caller


class Field:
    """Calls a component, and a raw echo server when there is a `limit`."""

    def __init__(self, stack: ExitStack, handle: Any, spec: dict[str, Any], limit: Raw | None = None) -> None:
        self._loop = asyncio.new_event_loop()
        stack.callback(self._loop.close)
        self._systems: list[System] = [BlockingMethods(handle), AwaitedMethods(handle)]
        if limit is not None:
            stack.callback(limit.stop)
            limit.start()
            self._systems.append(limit)
        self._blocks, self._block_s = spec["blocks"], spec["block_s"]

    def time_us(self, value: object, callers: int = 1, method: str = "echo") -> dict[str, float]:
        """Return µs of a call, all callers taken together, of "threads", of "tasks" and of the limit."""
        with ExitStack() as stack:
            crowds = {}
            for system in self._systems:
                crowd = self._crowd(system, method, value, callers)
                stack.callback(crowd.close)
                crowds[LIMIT if isinstance(system, Raw) else system.name] = crowd.run
            times_s = by_turns(crowds, self._blocks, self._block_s * (CROWD_FACTOR if callers > 1 else 1))
        return {name: statistics.median(found) / callers * 1e6 for name, found in times_s.items()}

    def _crowd(self, system: System, method: str, value: object, callers: int) -> Callers:
        if isinstance(system, AsyncSystem):
            return Tasks(system, self._loop, method, value, callers)
        if callers > 1:
            return Threads(system, method, value, callers)
        return OneThread(system, method, value)


def rows(quantity: Quantity, point: int, found: dict[str, float]) -> list[dict[str, Any]]:
    """Return what was found at one point, as rows beside which the limit is written."""
    return [
        {
            "system": series,
            "case": quantity.case(point),
            "unit": quantity.unit,
            "value": found[series],
            "base": found.get(LIMIT),
        }
        for series in quantity.series
    ]
