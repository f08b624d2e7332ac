"""A relay between a client and a server, which may do anything to what it carries: record, cut, change.

One thread carries all connections, so nothing here is concurrent but the two ends. What to do is decided by a
`Passage`, made anew for each connection.
"""

from __future__ import annotations

import contextlib
import enum
import select
import socket
import threading
from collections.abc import Callable, Iterator

CHUNK_BYTES = 1 << 16
END_S = 10.0  # for the relay's thread to end


class Said(enum.Enum):
    """Who speaks."""

    BY_CLIENT = "client"
    BY_SERVER = "server"


class Cut(Exception):
    """Raised by a passage to end its connection, after `last` has been delivered."""

    def __init__(self, last: bytes = b"") -> None:
        self.last = last


class Passage:
    """Carries everything as it is; a subclass does something to it."""

    def bytes_max(self, who: Said) -> int:
        """Return how much of what `who` says may be taken off its socket now; what stays there resets it at a cut."""
        return CHUNK_BYTES

    def carry(self, who: Said, data: bytes) -> bytes:
        """Return what the other one is to get. Raises Cut to end the connection."""
        return data

    def on_end(self) -> None:
        """Both sides have been closed."""


class Relay:
    """Listens at `path` and connects to `target` for everybody who comes."""

    def __init__(self, path: str, target: str, new_passage: Callable[[], Passage]) -> None:
        self._target = target
        self._new_passage = new_passage
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(64)
        self._wake_reader, self._wake = socket.socketpair()
        # each socket: its other one, who speaks on it, and the passage of both
        self._ends: dict[socket.socket, tuple[socket.socket, Said, Passage]] = {}
        self._thread = threading.Thread(target=self._run, name="fuzz-relay")
        self._thread.start()

    def close(self) -> None:
        self._wake.send(b"x")
        self._thread.join(END_S)
        assert not self._thread.is_alive()
        for sock in (self._listener, self._wake, self._wake_reader, *self._ends):
            sock.close()

    def _run(self) -> None:
        while True:
            readable, _, _ = select.select([self._listener, self._wake_reader, *self._ends], [], [])
            if self._wake_reader in readable:
                return
            for sock in readable:
                if sock is self._listener:
                    self._accept()
                elif sock in self._ends:  # else the one before has ended it
                    self._carry(sock)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self._target)
        except OSError:
            client.close()
            server.close()
            return
        passage = self._new_passage()
        self._ends[client] = (server, Said.BY_CLIENT, passage)
        self._ends[server] = (client, Said.BY_SERVER, passage)
        for sock, who in ((client, Said.BY_CLIENT), (server, Said.BY_SERVER)):
            sock.settimeout(END_S)
            if not passage.bytes_max(who):
                self._end(sock)
                return

    def _carry(self, sock: socket.socket) -> None:
        other, who, passage = self._ends[sock]
        try:
            data = sock.recv(passage.bytes_max(who))
            if not data:
                self._end(sock)
                return
            other.sendall(passage.carry(who, data))
            if not passage.bytes_max(who):
                self._end(sock)
        except Cut as cut:
            with contextlib.suppress(OSError):
                other.sendall(cut.last)
            self._end(sock)
        except OSError:
            self._end(sock)

    def _end(self, sock: socket.socket) -> None:
        other, _, passage = self._ends.pop(sock)
        del self._ends[other]
        sock.close()
        other.close()
        passage.on_end()


@contextlib.contextmanager
def relay(path: str, target: str, new_passage: Callable[[], Passage]) -> Iterator[None]:
    running = Relay(path, target, new_passage)
    try:
        yield
    finally:
        running.close()
