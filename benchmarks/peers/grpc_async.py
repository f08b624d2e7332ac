"""grpc.aio on a UNIX socket: one channel for all tasks, pickled values instead of protocol buffers."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

from benchmarks.peers.grpc_blocking import METHOD, UNLIMITED, dumps, handlers
from benchmarks.system import AsyncCaller, AsyncSystem


class GrpcAsyncPeer(AsyncSystem):
    needs = "grpc"
    distribution = "grpcio"

    def start(self) -> None:
        self._address = f"unix:{self.folder()}/grpc"
        self._channel: Any = None
        self.serve(serve, self._address)

    async def open(self, method: str = "echo") -> AsyncCaller:
        import grpc.aio

        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self._address, options=UNLIMITED)
            await self._channel.channel_ready()
        call = self._channel.unary_unary(METHOD, request_serializer=dumps, response_deserializer=pickle.loads)

        async def echo(value: object) -> object:
            return await call(value)

        return echo

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()


def serve(ready: Callable[[object], None], address: str) -> None:
    asyncio.run(_serve(ready, address))


async def _serve(ready: Callable[[object], None], address: str) -> None:
    import grpc.aio

    server = grpc.aio.server(options=UNLIMITED)
    server.add_generic_rpc_handlers(handlers(_echo))
    server.add_insecure_port(address)
    await server.start()
    ready(True)
    await server.wait_for_termination()


async def _echo(value: object, context: object) -> object:
    return value
