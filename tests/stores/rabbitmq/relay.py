"""A TCP relay in front of a broker, that a test can cut: the server lives, and the connections to it are gone."""

from __future__ import annotations

import contextlib
import socket

from tests.stores.listening import Listening, shut


class Relay(Listening):
    """Joins whoever comes to `target_port`. While it `is_silent`, nobody hears anything."""

    def __init__(self, target_port: int) -> None:
        self.is_silent = False
        self._target = "127.0.0.1", target_port
        super().__init__()

    def serve(self, client: socket.socket) -> None:
        server = socket.create_connection(self._target)
        self.start(self._carry, client, server)
        self._carry(server, client)

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.is_silent:
                    target.sendall(data)
        shut(target)
        shut(source)
        source.close()
