"""The suite "colocated": what a call costs in nanoseconds when caller and callee share a process.

The base is a plain method call of the same kind, in the same round. Every figure contains the loop around the call.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from contextlib import closing, nullcontext
from functools import partial
from typing import Any

import weaverlab as weaver
from benchmarks.timing import by_turns, time_awaits, time_calls
from weaverlab import Component
from weaverlab.config import parse

NAMES = (
    "plain method",
    "local handle",
    "local handle, timed",
    "local handle, traced",
    "plain coroutine",
    "local handle, async",
    "local handle, async, traced",
)
TIMED = parse("[weaverlab]\ntime_local_calls = true\n")


class Plain:
    """The methods, without any component."""

    def echo(self, value: object) -> object:
        return value

    async def echo_async(self, value: object) -> object:
        return value


class Local(Plain, Component):
    """The same methods behind a handle."""

    def echo(self, value: object) -> object:
        return value

    async def echo_async(self, value: object) -> object:
        return value


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return ns of a call, by turns in short blocks ("blocks", "block_s")."""
    plain = Plain()
    with (
        weaver.deploy(Local, deployer="single", show=lambda entry: None) as app,
        weaver.deploy(Local, deployer="single", config=TIMED, show=lambda entry: None) as timed_app,
        closing(asyncio.new_event_loop()) as loop,
    ):
        handle, timed = app.get(Local), timed_app.get(Local)

        def run(name: str, count: int) -> float:
            owner: Any = plain if "plain" in name else timed if "timed" in name else handle
            with weaver.request() if "traced" in name else nullcontext():
                if is_async(name):
                    return loop.run_until_complete(time_awaits(owner.echo_async, 1, count))
                return time_calls(owner.echo, 1, count)

        times_s = by_turns({name: partial(run, name) for name in NAMES}, spec["blocks"], spec["block_s"])
        tasks = loop.run_until_complete(count_tasks(handle.echo_async))
    rows = []
    for name, times in times_s.items():
        base = "plain coroutine" if is_async(name) else "plain method"
        figures = {"value": statistics.median(times) * 1e9, "base": statistics.median(times_s[base]) * 1e9}
        rows.append({"system": name, "case": "call", "unit": "ns", **figures})
    return [
        *rows,
        {"system": "local handle, async", "case": "tasks per call", "unit": "", "value": tasks, "base": None},
    ]


def is_async(name: str) -> bool:
    return "async" in name or "coroutine" in name


async def count_tasks(method: Callable[[object], Awaitable[object]]) -> int:
    """Return how many tasks one call makes."""
    made = []

    def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(factory)
    await method(1)
    asyncio.get_running_loop().set_task_factory(None)
    return len(made)
