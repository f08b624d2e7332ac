"""The sweep "memory": what caller and callee have resident while many calls go by. It has to stay where it is.

A figure after the first ten thousand calls is the first, so what fills once (buffers, reservoirs of the metrics) counts
for little, and what is lost with each call is seen: 20 bytes of each would be 2 MB at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import weaverlab as weaver
from benchmarks.growth.field import AwaitedMethods, BlockingMethods, rows
from benchmarks.growth.processes import rss_mb
from benchmarks.growth.sweeps import quantity
from benchmarks.ours import EchoService
from benchmarks.timing import OneThread, Tasks
from benchmarks.values import VALUES

TASKS = 32


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return MB of both processes after each number of calls in `spec["cases"]`."""
    points = [int(case) for case in spec["cases"]]
    with ExitStack() as stack:
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        app = stack.enter_context(weaver.deploy(EchoService, show=lambda entry: None))
        handle, (replica,) = app.get(EchoService), app.replicas()
        one = OneThread(BlockingMethods(handle), "echo", VALUES["record"])
        crowd = Tasks(AwaitedMethods(handle), loop, "echo", VALUES["record"], TASKS)
        blocking = sample(one.run, points, replica.pid)
        awaiting = sample(lambda calls: crowd.run(calls // TASKS), points, replica.pid)
    rss = quantity("memory", "rss")
    found = []
    for point in points:
        values = {f"{side}, threads": mb for side, mb in blocking[point].items()}
        values |= {f"{side}, tasks": mb for side, mb in awaiting[point].items()}
        found += rows(rss, point, values)
    return found


def sample(run: Callable[[int], float], points: list[int], callee: int) -> dict[int, dict[str, float]]:
    """Let `run` make calls until each point is reached; return MB of caller and callee there."""
    found, done = {}, 0
    for point in points:
        run(point - done)
        done = point
        found[point] = {"caller": rss_mb(), "callee": rss_mb(callee)}
    return found
