"""Servers that people use, each run on the socket of a listener, in a thread, until the block ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import hypercorn.asyncio
import hypercorn.config
import uvicorn
import websockets.sync.server

from weaverlab.component import Listener

Scope = dict[str, object]
Receive = Callable[[], Awaitable[dict[str, object]]]
Send = Callable[[dict[str, object]], Awaitable[None]]


class EchoHandler(BaseHTTPRequestHandler):
    """http.server, HTTP/1.1: answers with the path, the body, and the port of its client's connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Connection", str(self.client_address[1]))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


def wsgi_echo(environ: dict, start_response: Callable) -> list[bytes]:
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return [body]


async def asgi_echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the protocol's version in a header, and with the body in as many pieces as it came."""
    assert scope["type"] == "http"
    version = str(scope["http_version"]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-version", version)]})
    while True:
        message = await receive()
        more = bool(message.get("more_body"))
        await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})
        if not more:
            return


@contextmanager
def http_server(listener: Listener) -> Iterator[None]:
    server = ThreadingHTTPServer(("", 0), EchoHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener.socket
    with running(lambda: server.serve_forever(0.01), server.shutdown):
        yield
    server.server_close()


@contextmanager
def wsgi_server(listener: Listener, app: Callable = wsgi_echo) -> Iterator[None]:
    server = WSGIServer(("", 0), _QuietHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener.socket
    server.server_name, server.server_port = listener.socket.getsockname()
    server.setup_environ()
    server.set_app(app)
    with running(lambda: server.serve_forever(0.01), server.shutdown):
        yield
    server.server_close()


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def uvicorn_server(listener: Listener, app: Callable = asgi_echo) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio"))

    def stop() -> None:
        server.should_exit = True

    with running(lambda: server.run(sockets=[listener.socket]), stop):
        yield


@contextmanager
def hypercorn_server(listener: Listener, app: Callable = asgi_echo) -> Iterator[None]:
    config = hypercorn.config.Config()
    config.bind = [f"fd://{listener.socket.dup().detach()}"]  # it closes what it is given
    config.accesslog = config.errorlog = None
    loop, stopped = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        try:
            loop.run_until_complete(hypercorn.asyncio.serve(app, config, shutdown_trigger=stopped.wait))
        finally:
            loop.close()

    with running(run, lambda: loop.call_soon_threadsafe(stopped.set)):
        yield


@contextmanager
def websocket_server(listener: Listener) -> Iterator[None]:
    def echo(connection: websockets.sync.server.ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    server = websockets.sync.server.serve(echo, sock=listener.socket)
    with running(server.serve_forever, server.shutdown):
        yield


@contextmanager
def running(run: Callable[[], object], stop: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(20)
        assert not thread.is_alive()
