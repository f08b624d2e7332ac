"""The sweep "payload": echoes of `bytes` and of arrays, beside the raw limit, which sends them out of band as well."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy

import weaverlab as weaver
from benchmarks.growth.field import Field
from benchmarks.growth.sweeps import quantity
from benchmarks.ours import EchoService
from benchmarks.raw import Raw


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return µs of a call for each size in `spec["cases"]`."""
    of_bytes, of_arrays = quantity("payload", "bytes"), quantity("payload", "ndarray")
    found = []
    with ExitStack() as stack:
        app = stack.enter_context(weaver.deploy(EchoService, show=lambda entry: None))
        field = Field(stack, app, EchoService, spec, Raw("raw out of band", out_of_band=True))
        for size in map(int, spec["cases"]):
            found += field.measure(of_bytes, size, bytes(size))
            found += field.measure(of_arrays, size, numpy.ones(size, numpy.uint8))
    return found
