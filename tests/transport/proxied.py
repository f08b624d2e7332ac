"""What tests of the proxy share: replicas that are plain sockets, and reading what has surely been sent."""

from __future__ import annotations

import socket
import struct

from weaverlab.component import Listener
from weaverlab.transport.tcp import listen, split

TIMEOUT_S = 20.0  # of whatever surely happens


class Replica:
    """A listener of a replica whose connections the test accepts itself."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        address = f"[{host}]:0" if ":" in host else f"{host}:0"
        self.socket = listen("replica", address)
        self.socket.settimeout(TIMEOUT_S)
        self.address = Listener("replica", socket=self.socket).addr
        self.accepted: list[socket.socket] = []

    def accept(self) -> socket.socket:
        connection, _ = self.socket.accept()
        connection.settimeout(TIMEOUT_S)
        self.accepted.append(connection)
        return connection

    def close(self) -> None:
        """Be as a process that has ended."""
        for sock in (self.socket, *self.accepted):
            sock.close()


def connect(address: str) -> socket.socket:
    host, port = split(address)
    return socket.create_connection((host, int(port)), TIMEOUT_S)


def receive(sock: socket.socket, count: int) -> bytes:
    """Return the next `count` bytes, fewer only when the peer ends before."""
    data = b""
    while len(data) < count and (chunk := sock.recv(min(count - len(data), 1 << 20))):
        data += chunk
    return data


def break_off(sock: socket.socket) -> None:
    """Close `sock` with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("@ii", 1, 0))
    sock.close()
