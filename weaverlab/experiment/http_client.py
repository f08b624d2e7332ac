"""An HTTP/1.1 client for services under measurement: one connection that is kept open, JSON there and back.

One thread at a time may use it. Python's own `http.client` would do, but it reads the head of a reply with a parser
made for e-mail. Not in here: open-loop load (`load`).
"""

from __future__ import annotations

import contextlib
import socket
from io import BufferedReader

from weaverlab.experiment.http_server import BadHttp, body_length

ERROR_STATUS = 400
STATUS_LINE_BYTES_MAX = 1024


class HttpError(OSError):
    """The server answered, but with an error: `status`, and what it said."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}: {body.decode(errors='replace')}")
        self.status = status
        self.body = body


class HttpClient:
    """A client of `address`, which is (host, port). It connects with its first request, and anew after an error."""

    def __init__(self, address: tuple[str, int], timeout_s: float) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._host = f"{address[0]}:{address[1]}"
        self._connection: socket.socket | None = None
        self._lines: BufferedReader | None = None

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Send one request and return the body of its reply.

        Raises:
            HttpError: the server answered with an error.
            OSError: there is no such server, or it did not answer in time; the request may have had its effect.
        """
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
        try:
            connection, lines = self._connected()
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)
            status, reply = _read_reply(lines)
        except OSError:
            self.close()
            raise
        if status >= ERROR_STATUS:
            raise HttpError(status, reply)
        return reply

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        for part in (self._lines, self._connection):
            if part is not None:
                with contextlib.suppress(OSError):
                    part.close()
        self._lines = self._connection = None

    def _connected(self) -> tuple[socket.socket, BufferedReader]:
        if self._connection is None or self._lines is None:
            self._connection = socket.create_connection(self._address, self._timeout_s)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._lines = self._connection.makefile("rb")
        return self._connection, self._lines


def _read_reply(lines: BufferedReader) -> tuple[int, bytes]:
    words = lines.readline(STATUS_LINE_BYTES_MAX).split(None, 2)
    if len(words) < 2 or not words[1].isdigit():
        raise BadHttp("the server closed the connection, or sent no reply that HTTP knows")
    length = body_length(lines)
    body = lines.read(length)
    if len(body) < length:
        raise BadHttp(f"the server closed the connection after {len(body)} of {length} bytes")
    return int(words[1]), body
