"""HTTP by the standard library's `http.server` and `http.client`, in the shape of WeaverLab's own server and client.

Connections are kept open, a thread serves each, and no reply waits for an acknowledgement; nothing else is tuned.
"""

from __future__ import annotations

import socket
import sys
import threading
from functools import partial
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from weaverlab.experiment import HttpError
from weaverlab.experiment.http_server import Answer, Request

ERROR_STATUS = 400


class StandardServer:
    """Serves on an already listening socket until `close()`."""

    def __init__(self, listener: socket.socket, answer: Answer) -> None:
        self._server = _Server(listener.getsockname(), partial(_Handler, answer), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that has gone away is no fault of ours
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    disable_nagle_algorithm = True  # or the body waits up to 40 ms for the client to acknowledge the head
    wbufsize = -1  # head and body leave together

    def __init__(self, answer: Answer, *args: Any) -> None:
        self._answer = answer
        super().__init__(*args)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        reply = self._answer(Request("POST", self.path, {}, body))
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a line for each request would be measured too."""


class StandardClient:
    """A client of `address`, which is (host, port)."""

    def __init__(self, address: tuple[str, int], timeout_s: float) -> None:
        self._connection = HTTPConnection(*address, timeout=timeout_s)

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Send one request and return the body of its reply; HttpError if that says that it failed."""
        try:
            self._connection.request(method, path, body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            reply = response.read()
        except (OSError, HTTPException):
            self._connection.close()  # the next request opens a new one
            raise
        if response.status >= ERROR_STATUS:
            raise HttpError(response.status, reply)
        return reply

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
