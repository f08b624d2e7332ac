"""The sweep "weavelets": deployments of more and more processes, from `deploy` to `stop`. Every one is new and warm.

One process hosts the component that is called; the others host replicas of a second one.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import weaverlab as weaver
from benchmarks.growth.components import Called, Others
from benchmarks.growth.field import WARM_UP_CALLS, rows
from benchmarks.growth.sweeps import quantity
from benchmarks.startup import descendants, pss_mb
from benchmarks.timing import by_turns, time_calls


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return deploy time, stop time, memory and latency for each number of weavelets in `spec["cases"]`."""
    deploy_once(1, spec)  # starts the fork server, which later ones share
    found = []
    for count in map(int, spec["cases"]):
        for name, value in deploy_once(count, spec).items():
            what = quantity("weavelets", name)
            found += rows(what, count, dict.fromkeys(what.series, value))
    return found


def deploy_once(count: int, spec: dict[str, Any]) -> dict[str, float]:
    """Return a value for each quantity: ms, MB and µs."""
    started_s = time.perf_counter()
    components = (Called, Others) if count > 1 else (Called,)
    replicas: dict[str | type, int] = {Others: count - 1} if count > 1 else {}
    with weaver.deploy(*components, replicas=replicas, show=lambda entry: None) as app:
        echo = app.get(Called).echo
        echo("hello")
        if count > 1:
            answer = app.get(Others).answer
            for _ in range(count - 1):  # calls go to the replicas in turn
                answer()
        deployed_s = time.perf_counter()
        time_calls(echo, "hello", WARM_UP_CALLS)
        times_s = by_turns({0: lambda calls: time_calls(echo, "hello", calls)}, spec["blocks"], spec["block_s"])
        memory_mb = sum(pss_mb(pid) for pid in descendants())
        stopping_s = time.perf_counter()
    return {
        "deploy": (deployed_s - started_s) * 1e3,
        "stop": (time.perf_counter() - stopping_s) * 1e3,
        "memory": memory_mb,
        "call": statistics.median(times_s[0]) * 1e6,
    }
