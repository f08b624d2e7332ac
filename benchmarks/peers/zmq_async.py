"""zmq.asyncio: one DEALER for all tasks, which tells their answers apart by a number.

The server is a blocking ROUTER, which is faster than one on an event loop.
"""

from __future__ import annotations

import asyncio
import itertools
import pickle
from collections.abc import Callable

from benchmarks.system import AsyncCaller, AsyncSystem


class ZmqAsyncPeer(AsyncSystem):
    needs = "zmq"
    distribution = "pyzmq"

    def start(self) -> None:
        self._address = f"ipc://{self.folder()}/zmq"
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[bytes, asyncio.Future[object]] = {}
        self._numbers = itertools.count()
        self.serve(serve, self._address)

    async def open(self, method: str = "echo") -> AsyncCaller:
        import zmq
        import zmq.asyncio

        if self._reader is None:
            self._context = zmq.asyncio.Context()
            self._sock = self._context.socket(zmq.DEALER)
            self._sock.connect(self._address)
            self._reader = asyncio.ensure_future(self._read())
        loop = asyncio.get_running_loop()

        async def call(value: object) -> object:
            number = b"%d" % next(self._numbers)
            answer = self._waiting[number] = loop.create_future()
            await self._sock.send_multipart([number, pickle.dumps(value, 5)])
            return await answer

        return call

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._context.destroy(linger=0)

    async def _read(self) -> None:
        while True:
            number, data = await self._sock.recv_multipart()
            self._waiting.pop(number).set_result(pickle.loads(data))


def serve(ready: Callable[[object], None], address: str) -> None:
    import zmq

    sock = zmq.Context().socket(zmq.ROUTER)
    sock.bind(address)
    ready(True)
    while True:
        client, number, data = sock.recv_multipart()
        sock.send_multipart([client, number, pickle.dumps(pickle.loads(data), 5)])
