"""The HTTP side of App: two routes over its listener. It knows nothing about components.

POST /posts       {"id": "p1", "text": "hello"}    201, once the post and its notification have been accepted
GET  /outcomes    ?count=100&timeout_s=5           200, once 100 outcomes are known or after 5 s: all outcomes
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from weaverlab.errors import WeaverError

Publish = Callable[[str, str], None]  # id and text of a post
Outcomes = Callable[[int, float], list[Any]]  # how many to wait for, and how long; returns dataclasses

BODY_BYTES_MAX = 64 * 1024
POLL_TIMEOUT_S_MAX = 25.0  # below the idle timeout of a connection
IDLE_TIMEOUT_S = 30.0
NO_SUCH_ROUTE = {"error": "there are POST /posts and GET /outcomes"}


class PostServer:
    """Serves on an already listening socket, one thread for each connection, until `close()`."""

    def __init__(self, listener: socket.socket, publish: Publish, outcomes: Outcomes) -> None:
        self._server = _Server(("", 0), partial(_Handler, publish, outcomes), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listener
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="http", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no further connection."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # a client that has gone away is no fault of ours
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    disable_nagle_algorithm = True  # or the body waits up to 40 ms for the client to acknowledge the head
    timeout = IDLE_TIMEOUT_S

    def __init__(self, publish: Publish, outcomes: Outcomes, *args: Any) -> None:
        self._publish = publish
        self._outcomes = outcomes
        super().__init__(*args)

    def do_POST(self) -> None:
        try:
            body = json.loads(self._body())
            post_id, text = str(body["id"]), str(body["text"])
        except (ValueError, KeyError, TypeError):
            self._answer(HTTPStatus.BAD_REQUEST, {"error": 'expected {"id": "...", "text": "..."}'})
            return
        if self.path != "/posts":
            self._answer(HTTPStatus.NOT_FOUND, NO_SUCH_ROUTE)
            return
        try:
            self._publish(post_id, text)
        except WeaverError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})
        else:
            self._answer(HTTPStatus.CREATED, {"id": post_id})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path != "/outcomes":
            self._answer(HTTPStatus.NOT_FOUND, NO_SUCH_ROUTE)
            return
        query = dict(parse_qsl(url.query))
        try:
            count, timeout_s = int(query.get("count", 0)), float(query.get("timeout_s", 0))
        except ValueError:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": "expected ?count=NUMBER&timeout_s=SECONDS"})
            return
        outcomes = self._outcomes(count, min(timeout_s, POLL_TIMEOUT_S_MAX))
        self._answer(HTTPStatus.OK, [asdict(outcome) for outcome in outcomes])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: forty lines a second would hide everything else."""

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length", 0))
        if not 0 <= length <= BODY_BYTES_MAX:
            self.close_connection = True  # what is not read would be taken for the next request
            raise ValueError(f"a body of {length} bytes")
        return self.rfile.read(length)

    def _answer(self, status: HTTPStatus, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
