"""pyzmq with blocking sockets: a REQ for each caller, one REP, pickled objects."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.system import Caller, System

TIMEOUT_MS = 60_000


class ZmqPeer(System):
    needs = "zmq"
    distribution = "pyzmq"

    def start(self) -> None:
        import zmq

        self._address = f"ipc://{self.folder()}/zmq"
        self._context = zmq.Context()
        self.stack.callback(self._context.destroy, linger=0)
        self.serve(serve, self._address)

    def connect(self, method: str = "echo") -> Caller:
        import zmq

        sock = self._context.socket(zmq.REQ)
        sock.setsockopt(zmq.RCVTIMEO, TIMEOUT_MS)
        sock.connect(self._address)

        def call(value: object) -> object:
            sock.send_pyobj(value, protocol=5)
            return sock.recv_pyobj()

        return call


def serve(ready: Callable[[object], None], address: str) -> None:
    import zmq

    sock = zmq.Context().socket(zmq.REP)
    sock.bind(address)
    ready(True)
    while True:
        sock.send_pyobj(sock.recv_pyobj(), protocol=5)
