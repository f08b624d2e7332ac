"""thriftpy2 on a UNIX socket: strings as they are, other values pickled by us, since an interface must name types."""

from __future__ import annotations

import io
import pickle
import socket
import time
from collections.abc import Callable
from typing import Any

from benchmarks.system import Caller, System

INTERFACE = "service Echo { string text(1: string value), binary data(1: binary value) }"
TIMEOUT_MS = 60_000


class ThriftPeer(System):
    needs = distribution = "thriftpy2"

    def start(self) -> None:
        self._path = f"{self.folder()}/thrift"
        self.serve(serve, self._path)
        wait_until_listening(self._path)

    def connect(self, method: str = "echo") -> Caller:
        from thriftpy2.rpc import make_client

        client = make_client(load(), unix_socket=self._path, timeout=TIMEOUT_MS)
        self.stack.callback(client.close)

        def call(value: object) -> object:
            return client.text(value) if type(value) is str else pickle.loads(client.data(pickle.dumps(value, 5)))

        return call


class Dispatcher:
    def text(self, value: str) -> str:
        return value

    def data(self, value: bytes) -> bytes:
        return pickle.dumps(pickle.loads(value), 5)


def load() -> Any:
    import thriftpy2

    return thriftpy2.load_fp(io.StringIO(INTERFACE), module_name="echo_thrift").Echo


def serve(ready: Callable[[object], None], path: str) -> None:
    from thriftpy2.rpc import make_server

    server = make_server(load(), Dispatcher(), unix_socket=path, client_timeout=TIMEOUT_MS)
    ready(True)
    server.serve()  # listens, and does not tell


def wait_until_listening(path: str) -> None:
    ends_s = time.monotonic() + TIMEOUT_MS / 1e3
    with socket.socket(socket.AF_UNIX) as probe:
        while probe.connect_ex(path):
            if time.monotonic() > ends_s:
                raise TimeoutError("thriftpy2's server does not listen")
            time.sleep(0.001)
