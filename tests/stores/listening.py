"""A TCP server for tests: a thread for each connection, and nothing of it left after `close()`."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any


class Listening:
    """Calls `serve(connection)`, which whoever derives from it defines, for each client that comes to `address`."""

    serve: Callable[[socket.socket], object]

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listening.getsockname())
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.start(self._accept)

    def start(self, target: Callable[..., object], *args: Any) -> None:
        """Run `target` in a thread that `close()` waits for."""
        self._threads.append(threading.Thread(target=target, args=args))
        self._threads[-1].start()

    def are_all_gone(self, timeout_s: float) -> bool:
        """Wait until every connection has ended; return whether they have."""
        for thread in self._threads[1:]:
            thread.join(timeout_s)
        return not any(thread.is_alive() for thread in self._threads[1:])

    def cut(self) -> None:
        """End every connection without a word."""
        for connection in self._connections:
            shut(connection)

    def close(self) -> None:
        shut(self._listening)
        self._threads[0].join()
        self.cut()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            self.start(self.serve, connection)


def shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
