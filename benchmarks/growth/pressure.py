"""The sweep "pressure": more and more calls wait for a callee that does not get on, until their deadline.

What is queued has to be bounded, at both ends, by something else than the number of callers. It is by now at the first
point, so the memory of the callee has to be level; that of the caller grows by the callers themselves.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import weaverlab as weaver
from benchmarks.growth.components import Stuck
from benchmarks.growth.field import rows
from benchmarks.growth.processes import forget_peak, peak_rss_mb
from benchmarks.growth.sweeps import quantity
from weaverlab import Deployment
from weaverlab.errors import DeadlineExceeded

VALUE_BYTES = 64 * 1024
DEADLINE_S = 0.5


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the peak memory of both processes in MB for each number of waiting calls in `spec["cases"]`."""
    peak = quantity("pressure", "peak")
    found = []
    for count in map(int, spec["cases"]):
        with ExitStack() as stack:  # a new callee each time, since memory that was used once may stay
            app = stack.enter_context(weaver.deploy(Stuck, show=lambda entry: None))
            found += rows(peak, count, asyncio.run(press(app, count)))
    return found


async def press(app: Deployment, count: int) -> dict[str, float]:
    """Let `count` calls wait for the callee until their deadline; return MB of both.

    Raises:
        RuntimeError: a call has ended otherwise than with DeadlineExceeded.
    """
    stuck, (replica,) = app.get(Stuck), app.replicas()
    value = bytes(VALUE_BYTES)
    await stuck.answer()
    forget_peak()
    with weaver.timeout(DEADLINE_S):
        ended = await asyncio.gather(*(stuck.take(value) for _ in range(count)), return_exceptions=True)
    others = [one for one in ended if not isinstance(one, DeadlineExceeded)]
    if others:
        raise RuntimeError(f"{len(others)} of {count} calls did not end at their deadline; the first: {others[0]!r}")
    await stuck.answer()  # it is still well
    return {"caller": peak_rss_mb(), "callee": peak_rss_mb(replica.pid)}
