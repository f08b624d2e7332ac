"""grpcio on a UNIX socket: one channel for all threads, pickled values instead of protocol buffers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.system import Caller, System

METHOD = "/benchmarks.Echo/echo"
THREADS = 32
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
START_TIMEOUT_S = 30.0


class GrpcPeer(System):
    needs = "grpc"
    distribution = "grpcio"

    def start(self) -> None:
        import grpc

        address = f"unix:{self.folder()}/grpc"
        self.serve(serve, address)
        channel = grpc.insecure_channel(address, options=UNLIMITED)
        self.stack.callback(channel.close)
        grpc.channel_ready_future(channel).result(START_TIMEOUT_S)
        self._call: Caller = channel.unary_unary(METHOD, request_serializer=dumps, response_deserializer=pickle.loads)

    def connect(self, method: str = "echo") -> Caller:
        return self._call


def dumps(value: object) -> bytes:
    return pickle.dumps(value, 5)


def handlers(echo: Callable[..., Any]) -> tuple[Any]:
    """Return what a server answers with: `echo(value, context)`."""
    import grpc

    method = grpc.unary_unary_rpc_method_handler(echo, request_deserializer=pickle.loads, response_serializer=dumps)
    return (grpc.method_handlers_generic_handler("benchmarks.Echo", {"echo": method}),)


def serve(ready: Callable[[object], None], address: str) -> None:
    import grpc

    server = grpc.server(ThreadPoolExecutor(THREADS), options=UNLIMITED)
    server.add_generic_rpc_handlers(handlers(lambda value, context: value))
    server.add_insecure_port(address)
    server.start()
    ready(True)
    server.wait_for_termination()
