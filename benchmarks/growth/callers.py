"""The sweep "callers": tiny calls by threads and by tasks, beside as many threads on raw sockets."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import weaverlab as weaver
from benchmarks.growth.field import Field
from benchmarks.growth.processes import raise_descriptor_limit
from benchmarks.growth.sweeps import quantity
from benchmarks.ours import EchoService
from benchmarks.raw import Raw
from benchmarks.values import VALUES


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return µs of a call, all callers taken together, for each number of callers in `spec["cases"]`."""
    raise_descriptor_limit()
    call = quantity("callers", "call")
    with ExitStack() as stack:
        app = stack.enter_context(weaver.deploy(EchoService, show=lambda entry: None))
        field = Field(stack, app, EchoService, spec, Raw("raw"))
        counts = map(int, spec["cases"])
        return [row for count in counts for row in field.measure(call, count, VALUES["tiny"], count)]
