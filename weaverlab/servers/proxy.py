"""A TCP proxy that delivers what the primary says later, as if it were far away.

    replica ───────── at once ────────▶ primary
    replica ◀── after lag ± jitter ──── primary

Only one direction is late: what arrives is in time, so writes are as fast as ever, and the replica's acknowledgements
say at once how far it is. The stream keeps its order, as TCP does: what is drawn a shorter delay than what went before
waits for that. Endings travel in the stream, too. Not in here: how long the delays should be.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from weaverlab.clock import Rng, system_rng

READ_BYTES = 64 * 1024
# What one connection may have on its way: a lag of 100 ms at 640 MB/s. Then the primary waits.
LATE_BYTES_MAX = 64 * 1024 * 1024
ANSWER_TIMEOUT_S = 5.0  # of the proxies' own thread
NO_MORE = b""

_T = TypeVar("_T")


class Proxies:
    """Runs proxies on a thread of its own, until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()
        self._listening: list[asyncio.Server] = []

    def start(self, port: int, target_port: int) -> Proxy:
        """Start a proxy without delay, on `port` of 127.0.0.1. Raises OSError when that is taken."""
        proxy = Proxy(self._loop, target_port)
        self._listening.append(_run(self._loop, proxy.listen(port)))
        return proxy

    def close(self) -> None:
        """End all proxies and their connections."""
        _run(self._loop, self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        for server in self._listening:
            server.close()
        joined = asyncio.all_tasks() - {asyncio.current_task()}
        for task in joined:
            task.cancel()
        await asyncio.gather(*joined, return_exceptions=True)


class Proxy:
    """Joins whoever connects to `target_port` of 127.0.0.1. What is no coroutine is for threads but the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target_port: int) -> None:
        self._loop = loop
        self._target_port = target_port
        self._delay = _Delay(system_rng())

    async def listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._join, "127.0.0.1", port, limit=READ_BYTES)

    def delay(self, lag_ms: float, jitter_ms: float) -> None:
        """Deliver what is read from now on after `lag_ms` ± `jitter_ms`, evenly distributed."""
        _run(self._loop, self._delay.change(lag_ms / 1000, jitter_ms / 1000))

    def pause(self) -> None:
        """Deliver nothing more. What replicas do not get waits here, and at the primary when it is too much."""
        _run(self._loop, self._delay.pause())

    def resume(self) -> None:
        _run(self._loop, self._delay.resume())

    async def _join(self, replica_in: asyncio.StreamReader, replica_out: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(replica_out):  # either end may break: it connects again
            primary_in, primary_out = await asyncio.open_connection("127.0.0.1", self._target_port)
            with contextlib.closing(primary_out):
                await _all_of(_carry(replica_in, primary_out), _carry_late(primary_in, replica_out, self._delay))


class _Delay:
    """How late everything is that is read from now on; shared by the connections of one proxy."""

    def __init__(self, rng: Rng) -> None:
        self.flows = asyncio.Event()  # not set: replication is paused
        self.flows.set()
        self._lag_s = self._jitter_s = 0.0
        self._rng = rng

    def draw_s(self) -> float:
        return self._lag_s + self._rng.uniform(-self._jitter_s, self._jitter_s)

    async def change(self, lag_s: float, jitter_s: float) -> None:
        self._lag_s, self._jitter_s = lag_s, jitter_s

    async def pause(self) -> None:
        self.flows.clear()

    async def resume(self) -> None:
        self.flows.set()


class _Line:
    """What one connection has on its way, each piece with the time when it is due."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._bytes = 0
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def put(self, due_s: float, data: bytes) -> None:
        await self._has_room.wait()
        self._bytes += len(data)
        if self._bytes > LATE_BYTES_MAX:
            self._has_room.clear()
        self._waiting.put_nowait((due_s, data))

    async def get(self) -> tuple[float, bytes]:
        due_s, data = await self._waiting.get()
        self._bytes -= len(data)
        if self._bytes <= LATE_BYTES_MAX:
            self._has_room.set()
        return due_s, data


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(ANSWER_TIMEOUT_S)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(READ_BYTES):
        sink.write(data)
        await sink.drain()
    sink.write_eof()


async def _carry_late(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: _Delay) -> None:
    line = _Line()
    await _all_of(_take(source, line, delay), _deliver(line, sink, delay))


async def _take(source: asyncio.StreamReader, line: _Line, delay: _Delay) -> None:
    now_s = asyncio.get_running_loop().time
    due_s = now_s()
    while True:
        data = await source.read(READ_BYTES)
        due_s = max(due_s, now_s() + delay.draw_s())
        await line.put(due_s, data)
        if data == NO_MORE:
            return


async def _deliver(line: _Line, sink: asyncio.StreamWriter, delay: _Delay) -> None:
    now_s = asyncio.get_running_loop().time
    while True:
        due_s, data = await line.get()
        await asyncio.sleep(due_s - now_s())
        await delay.flows.wait()
        if data == NO_MORE:
            sink.write_eof()
            return
        sink.write(data)
        await sink.drain()


async def _all_of(*work: Coroutine[Any, Any, None]) -> None:
    """Run all to their ends; when one breaks, end the others and raise."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
