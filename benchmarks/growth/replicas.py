"""The sweep "replicas": calls spread over more and more replicas of a component, of which each does one at a time.

A method that costs nothing is not to become dearer with the number of replicas. One that sleeps a millisecond is to
become as much faster as there are replicas: it shows that none is idle while another has a queue.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import weaverlab as weaver
from benchmarks.growth.components import Worker
from benchmarks.growth.field import Field
from benchmarks.growth.sweeps import quantity

CALLERS = 64  # four for each of sixteen replicas


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return µs of a call, all callers taken together, for each number of replicas in `spec["cases"]`."""
    nothing, sleep = quantity("replicas", "nothing"), quantity("replicas", "sleep")
    found = []
    with ExitStack() as stack:
        app = stack.enter_context(weaver.deploy(Worker, show=lambda entry: None))
        field = Field(stack, app, Worker, spec)
        for count in map(int, spec["cases"]):
            app.scale(Worker, count)
            found += field.measure(nothing, count, None, CALLERS, "nothing")
            found += field.measure(sleep, count, None, CALLERS, "sleep")
    return found
