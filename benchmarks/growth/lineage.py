"""The sweep "lineage": tiny calls of a request that depends on more and more writes, each to a store of its own."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import weaverlab as weaver
from benchmarks.growth.field import Field, rows
from benchmarks.growth.sweeps import quantity
from benchmarks.ours import EchoService
from benchmarks.values import VALUES
from weaverlab import Deployment
from weaverlab.antipode import Dependency, Lineage, request


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return µs of a call, and its bytes on the wire, for each number in `spec["cases"]`."""
    call, wire = quantity("lineage", "call"), quantity("lineage", "wire")
    found = []
    with ExitStack() as stack:
        app = stack.enter_context(weaver.deploy(EchoService, show=lambda entry: None))
        field = Field(stack, app, EchoService, spec)
        for count in map(int, spec["cases"]):
            with request():
                weaver.transfer(Lineage(Dependency(f"store-{n}", "eu", 1000 + n) for n in range(count)))
                found += field.measure(call, count, VALUES["tiny"])
                found += rows(wire, count, {"threads": request_bytes(app)})
    return found


def request_bytes(app: Deployment) -> float:
    """Return the bytes of one tiny call on the wire, from those that the deployment counts."""
    before = _sent_bytes(app)
    app.get(EchoService).echo(VALUES["tiny"])
    return _sent_bytes(app) - before


def _sent_bytes(app: Deployment) -> int:
    return sum(one.request_bytes for one in app.status().counts)
