"""A small HTTP/1.1 server for applications under measurement: keep-alive, a thread for each connection, JSON replies.

It understands what our clients send, and no more: no chunked bodies, no TLS, no upgrades. Python's own `http.server`
would do, but it reads the head of a request with a parser made for e-mail, which takes longer than most of what is
measured here. Not in here: what a request means (`routes`), and the other end (`http_client`).
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import traceback
from collections.abc import Callable
from http import HTTPStatus
from io import BufferedReader
from typing import NamedTuple
from urllib.parse import parse_qsl

from weaverlab.clock import SystemClock

LINE_BYTES_MAX = 4 * 1024
HEADERS_MAX = 100
BODY_BYTES_MAX = 1024 * 1024
IDLE_TIMEOUT_S = 30.0
ACCEPT_PAUSE_S = 0.05  # when no connection can be taken, such as for want of descriptors
CLOSE_TIMEOUT_S = 5.0  # for the requests that are being answered


class Request(NamedTuple):
    """One request; `query` has the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    """One reply; `body` is JSON."""

    status: HTTPStatus
    body: bytes


Answer = Callable[[Request], Reply]


class BadHttp(ConnectionError):
    """What came is no HTTP, or none that we understand; says what was expected."""


class HttpServer:
    """Serves on an already listening socket, which it owns from now on, until `close()`."""

    def __init__(self, listener: socket.socket, answer: Answer) -> None:
        self._listener = listener
        self._answer = answer
        self._lock = threading.Lock()  # guards the two below
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._is_closed = False
        self._thread = threading.Thread(target=self._accept, name="http accept", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no further connection or request; what is being answered is finished. Idempotent."""
        with self._lock:
            self._is_closed = True
            connections = dict(self._connections)
        with contextlib.suppress(OSError):  # wakes up who accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):  # a thread that waits for a request sees the end; replies still go out
                connection.shutdown(socket.SHUT_RD)
        ends_s = SystemClock.now_s() + CLOSE_TIMEOUT_S
        for thread in (self._thread, *connections.values()):
            thread.join(max(0.0, ends_s - SystemClock.now_s()))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if self._is_closed:
                    return
                SystemClock.sleep(ACCEPT_PAUSE_S)
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), name="http connection", daemon=True)
            with self._lock:
                if self._is_closed:
                    connection.close()
                    return
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(IDLE_TIMEOUT_S)
        # A Unix-domain socket has no such option; without it a reply may wait 40 ms for the client's acknowledgement.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with connection.makefile("rb") as lines:
                while not self._is_closed and (request := read_request(lines)) is not None:
                    connection.sendall(_encoded(self._reply(request)))
        except BadHttp as error:  # what is left of it would be taken for the next request: close
            with contextlib.suppress(OSError):
                connection.sendall(_encoded(error_reply(HTTPStatus.BAD_REQUEST, str(error))))
        except OSError:
            pass  # the client has gone away, or says nothing any more: no fault of ours
        finally:
            connection.close()
            with self._lock:
                self._connections.pop(connection, None)

    def _reply(self, request: Request) -> Reply:
        try:
            return self._answer(request)
        except Exception as error:  # a fault of the application; the server goes on
            traceback.print_exc()
            return error_reply(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")


def error_reply(status: HTTPStatus, error: str) -> Reply:
    """Return a reply that says what was wrong, as `{"error": "..."}`."""
    return Reply(status, json.dumps({"error": error}).encode())


def _encoded(reply: Reply) -> bytes:
    head = (
        f"HTTP/1.1 {reply.status.value} {reply.status.phrase}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(reply.body)}\r\n\r\n"
    )
    return head.encode("latin-1") + reply.body


def read_request(lines: BufferedReader) -> Request | None:
    """Return the next request; None at the end.

    Raises:
        BadHttp: what came is none.
    """
    first = lines.readline(LINE_BYTES_MAX)
    if not first:
        return None
    words = first.split()
    if len(words) != 3 or not first.endswith(b"\n"):
        raise BadHttp(f"expected a line such as 'GET /path HTTP/1.1', got {first[:80]!r}")
    length = body_length(lines)
    body = lines.read(length) if length else b""
    path, _, query = words[1].decode("latin-1").partition("?")
    return Request(words[0].decode("latin-1"), path, dict(parse_qsl(query)) if query else {}, body)


def body_length(lines: BufferedReader) -> int:
    """Read the headers of a request or reply to their end; return how many bytes follow."""
    length = 0
    for _ in range(HEADERS_MAX):
        line = lines.readline(LINE_BYTES_MAX)
        if line in (b"\r\n", b"\n", b""):
            return length
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            text = value.strip()
            if not text.isdigit() or int(text) > BODY_BYTES_MAX:
                raise BadHttp(f"expected a Content-Length of at most {BODY_BYTES_MAX} bytes, got {text[:80]!r}")
            length = int(text)
    raise BadHttp(f"expected at most {HEADERS_MAX} headers")
