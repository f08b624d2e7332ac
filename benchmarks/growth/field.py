"""Who takes part in a sweep: one deployed component, called by threads and by tasks, and often the raw limit.

All of them take turns in short blocks, as in the other benchmarks. Not in here: what is varied.
"""

from __future__ import annotations

import asyncio
import statistics
from contextlib import ExitStack
from typing import Any

from benchmarks.calls import Meter
from benchmarks.growth.sweeps import Quantity
from benchmarks.raw import Raw
from benchmarks.system import AsyncCaller, AsyncSystem, Caller, System
from benchmarks.timing import Callers, OneThread, Tasks, Threads, by_turns
from weaverlab import Deployment

LIMIT = "limit"
# Not counted: the first calls open connections, and the first large ones make and map memory. Else a slow first call
# would be taken for what all calls cost, and a block would be a single one.
WARM_UP_CALLS = 3
CROWD_FACTOR = 2  # blocks of many callers last longer, since their start and end are ragged


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

    def __init__(
        self, stack: ExitStack, app: Deployment, component: type, spec: dict[str, Any], limit: Raw | None = None
    ) -> None:
        self._loop = asyncio.new_event_loop()
        stack.callback(self._loop.close)
        self._app, self._component = app, component
        handle: Any = app.get(component)
        self._systems: list[System] = [BlockingMethods(handle), AwaitedMethods(handle)]
        if limit is not None:
            stack.callback(limit.stop)
            limit.start()
            self._systems.append(limit)
        self._blocks, self._block_s = spec["blocks"], spec["block_s"]

    def measure(
        self, quantity: Quantity, point: int, value: object, callers: int = 1, method: str = "echo"
    ) -> list[dict[str, Any]]:
        """Return rows of µs of a call, all callers taken together, and of the CPU time of both its ends."""
        with ExitStack() as stack:
            meters = {}
            for system in self._systems:
                crowd = self._crowd(system, method, value, callers)
                stack.callback(crowd.close)
                crowd.run(WARM_UP_CALLS)
                meters[LIMIT if isinstance(system, Raw) else system.name] = Meter(crowd, self._pids_of(system))
            times_s = by_turns(meters, self._blocks, self._block_s * (CROWD_FACTOR if callers > 1 else 1))
        us = {name: statistics.median(found) / callers * 1e6 for name, found in times_s.items()}
        cpu_us = {name: statistics.median(meter.cpu_us[-self._blocks :]) for name, meter in meters.items()}
        return rows(quantity, point, us, cpu_us)

    def _pids_of(self, system: System) -> list[int]:
        if isinstance(system, Raw):
            return system.pids()
        return [replica.pid for replica in self._app.replicas(self._component)]

    def _crowd(self, system: System, method: str, value: object, callers: int) -> Callers:
        if isinstance(system, AsyncSystem):
            return Tasks(system, self._loop, method, value, callers)
        if callers > 1:
            return Threads(system, method, value, callers)
        return OneThread(system, method, value)


def rows(
    quantity: Quantity, point: int, found: dict[str, float], cpu_us: dict[str, float] | None = None
) -> list[dict[str, Any]]:
    """Return what was found at one point, as rows beside which the limit is written."""
    return [
        {
            "system": series,
            "case": quantity.case(point),
            "unit": quantity.unit,
            "value": found[series],
            "base": found.get(LIMIT),
            **({"cpu_us": cpu_us[series], "base_cpu_us": cpu_us.get(LIMIT)} if cpu_us else {}),
        }
        for series in quantity.series
    ]
