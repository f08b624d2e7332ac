"""The sweep "connections": the tiny call to a server that has more and more idle connections, and what they cost it.

It is the bare data plane: one server whose idle connections are those of blocking callers, of which each has a thread
there, and one whose are those of awaiting callers. The limit is a raw server with a thread for each connection.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from contextlib import ExitStack
from typing import Any

from benchmarks.growth.field import LIMIT, rows
from benchmarks.growth.processes import raise_descriptor_limit, status_of
from benchmarks.growth.sweeps import quantity
from benchmarks.ours import METHODS, SECRET, TIMEOUT_S, serve
from benchmarks.raw import Raw
from benchmarks.serving import ServerProcess
from benchmarks.startup import pss_mb
from benchmarks.timing import by_turns, time_awaits, time_calls
from benchmarks.values import VALUES
from weaverlab.transport import AsyncChannel, SyncPool
from weaverlab.transport.sockets import connect
from weaverlab.wire import Mode

ECHO, TINY = METHODS["echo"], VALUES["tiny"]
DESCRIPTORS_EACH = 4  # this process has one for each idle connection of each of three servers; and some to spare


def measure(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return latency, memory and threads for each number in `spec["cases"]` for which there are descriptors."""
    allowed = raise_descriptor_limit() // DESCRIPTORS_EACH
    found = []
    with ExitStack() as stack:
        servers = {LIMIT: RawServer(stack), "threads": Blocking(stack), "tasks": Awaiting(stack)}
        for count in (count for count in map(int, spec["cases"]) if count <= allowed):
            for server in servers.values():
                server.have_idle(count)
            times_s = by_turns({name: one.run for name, one in servers.items()}, spec["blocks"], spec["block_s"])
            threads = {name: float(status_of(one.pid, "Threads")) for name, one in servers.items()}
            memory_mb = {name: pss_mb(servers[name].pid) for name in ("threads", "tasks")}
            call_us = {name: statistics.median(times) * 1e6 for name, times in times_s.items()}
            for name, values in (("call", call_us), ("memory", memory_mb), ("server threads", threads)):
                found += rows(quantity("connections", name), count, values)
    return found


class Crowded:
    """A server with one caller that calls, and others that do not."""

    pid: int

    def __init__(self) -> None:
        self._idle: list[Any] = []

    def have_idle(self, count: int) -> None:
        while len(self._idle) < count:
            self._idle.append(self.open_idle())

    def open_idle(self) -> Any:
        raise NotImplementedError

    def run(self, count: int) -> float:
        """Make so many calls; return the seconds they took."""
        raise NotImplementedError


class RawServer(Crowded):
    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._raw = Raw("raw")
        stack.callback(self._raw.stop)
        self._raw.start()
        (self.pid,) = self._raw.pids()
        self._call = self._raw.connect()

    def open_idle(self) -> Any:
        return self._raw.connect()

    def run(self, count: int) -> float:
        return time_calls(self._call, TINY, count)


class Ours(Crowded):
    mode: Mode

    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self.address = f"unix:{stack.enter_context(tempfile.TemporaryDirectory(prefix='wl-'))}/weaverlab"
        server = ServerProcess(serve, self.address)
        stack.callback(server.stop)
        self.pid = server.pid
        stack.callback(self._close_idle)

    def open_idle(self) -> Any:
        return connect(self.address, SECRET, self.mode, TIMEOUT_S)

    def _close_idle(self) -> None:
        for sock in self._idle:
            sock.close()


class Blocking(Ours):
    mode = Mode.SYNC

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        self._pool = SyncPool(self.address, SECRET)
        stack.callback(self._pool.close)

    def run(self, count: int) -> float:
        return time_calls(lambda value: self._pool.call(ECHO, (value,), TIMEOUT_S).value, TINY, count)


class Awaiting(Ours):
    mode = Mode.MUX

    def __init__(self, stack: ExitStack) -> None:
        super().__init__(stack)
        self._loop = asyncio.new_event_loop()
        stack.callback(self._loop.close)
        self._channel = self._loop.run_until_complete(self._open())
        stack.callback(self._channel.close)

    async def _open(self) -> AsyncChannel:
        return AsyncChannel(self.address, SECRET)

    def run(self, count: int) -> float:
        return self._loop.run_until_complete(time_awaits(self._call, TINY, count))

    async def _call(self, value: object) -> object:
        return (await self._channel.call(ECHO, (value,), TIMEOUT_S)).value
