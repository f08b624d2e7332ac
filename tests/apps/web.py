"""A web application on three replicas: each answers with its process, and can be told to take its time."""

from __future__ import annotations

import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from weaverlab import Component, Listener, Main, Ref


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.server.said} {os.getpid()}".encode()  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def serve(listener: Listener, said: str) -> ThreadingHTTPServer:
    """Answer on `listener`, on threads, until the process ends or `shutdown()` is called."""
    server = ThreadingHTTPServer(("", 0), _Answers, bind_and_activate=False)
    server.socket.close()
    server.socket = listener.socket
    server.server_name, server.server_port = "localhost", 0
    server.said = said  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class Page(Component):
    web: Listener
    said = "first"

    def init(self) -> None:
        self.server = serve(self.web, self.said)

    def shutdown(self) -> None:
        self.server.shutdown()

    def addresses(self) -> tuple[str, str, str]:
        return self.web.addr, self.web.proxy_addr, str(self.web)


class NextPage(Page):
    said = "second"


class Site(Main):
    page: Ref[Page]

    def main(self) -> None:
        threading.Event().wait()
