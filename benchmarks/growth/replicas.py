"""The sweep "replicas": calls spread over more and more replicas of a component, of which each does one at a time.

A method that does nothing is not to become dearer with the number of replicas, or no more than calls to as many raw
servers: on few processors, more processes are more switches between them. One that sleeps a millisecond is to become
as much faster as there are replicas: it shows that none is idle while another has a queue.
"""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from typing import Any

import weaverlab as weaver
from benchmarks.growth.components import Worker
from benchmarks.growth.field import Field
from benchmarks.growth.sweeps import quantity
from benchmarks.raw import Raw
from benchmarks.system import Caller

CALLERS = 64  # four for each of sixteen replicas


class RawReplicas(Raw):
    """As many raw servers as there are replicas; callers are given one after the other."""

    def start(self) -> None:
        self._servers: list[Raw] = []
        self._turn = itertools.count()

    def have(self, count: int) -> None:
        while len(self._servers) < count:
            server = Raw(self.name)
            self.stack.callback(server.stop)
            server.start()
            self._servers.append(server)

    def connect(self, method: str = "echo") -> Caller:
        return self._servers[next(self._turn) % len(self._servers)].connect()  # it echoes, whatever the method

    def pids(self) -> list[int]:
        return [pid for server in self._servers for pid in server.pids()]


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return µs of a call, all callers taken together, for each number of replicas in `spec["cases"]`."""
    nothing, sleep = quantity("replicas", "nothing"), quantity("replicas", "sleep")
    found = []
    with ExitStack() as stack:
        app = stack.enter_context(weaver.deploy(Worker, show=lambda entry: None))
        raw = RawReplicas("raw")
        against_raw, alone = Field(stack, app, Worker, spec, raw), Field(stack, app, Worker, spec)
        for count in map(int, spec["cases"]):
            app.scale(Worker, count)
            raw.have(count)
            found += against_raw.measure(nothing, count, None, CALLERS, "nothing")
            found += alone.measure(sleep, count, None, CALLERS, "sleep")
    return found
