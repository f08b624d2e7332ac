"""RPyC on a UNIX socket, a connection for each caller. Strings and `bytes` travel as they are.

RPyC hands out references to other objects, which would not be a call with a value, so those are pickled by us.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable

from benchmarks.system import Caller, System

TIMEOUT_S = 60


class RpycPeer(System):
    needs = distribution = "rpyc"

    def start(self) -> None:
        self._path = f"{self.folder()}/rpyc"
        self.serve(serve, self._path)

    def connect(self, method: str = "echo") -> Caller:
        from rpyc.utils.factory import unix_connect

        connection = unix_connect(self._path, config={"sync_request_timeout": TIMEOUT_S})
        self.stack.callback(connection.close)
        echo, echo_pickled = connection.root.echo, connection.root.echo_pickled  # to look one up is a call, too

        def call(value: object) -> object:
            if isinstance(value, str | bytes):
                return echo(value)
            return pickle.loads(echo_pickled(pickle.dumps(value, 5)))

        return call


def serve(ready: Callable[[object], None], path: str) -> None:
    import rpyc
    from rpyc.utils.server import ThreadedServer

    class Echo(rpyc.Service):
        def exposed_echo(self, value: object) -> object:
            return value

        def exposed_echo_pickled(self, value: bytes) -> bytes:
            return pickle.dumps(pickle.loads(value), 5)

    server = ThreadedServer(Echo(), socket_path=path)
    server._listen()
    ready(True)
    server.start()
