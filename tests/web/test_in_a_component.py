"""An instrumented handler inside a deployed component: requests from HTTP on are followed through every component."""

from __future__ import annotations

import threading
from collections.abc import Callable
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import httpx
import pytest

import weaverlab as weaver
from weaverlab import HEALTHZ_URL, Component, Listener, Ref, healthz_handler, instrument_handler
from weaverlab.history import Invoked
from weaverlab.web import metrics_handler

pytestmark = pytest.mark.usefixtures("no_process_left")


class Greeter(Component):
    def greet(self, name: str) -> str:
        return f"Hello, {name}!"


class Site(Component):
    greeter: Ref[Greeter]
    web: Listener

    def init(self) -> None:
        self._server = WSGIServer(("", 0), _QuietHandler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = self.web.socket
        self._server.server_name, self._server.server_port = self.web.socket.getsockname()
        self._server.setup_environ()
        self._server.set_app(self._route)
        self._greeting = instrument_handler("greeting", self._greet)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def shutdown(self) -> None:
        self._server.shutdown()

    def _route(self, environ: dict, start_response: Callable) -> object:
        pages = {HEALTHZ_URL: healthz_handler, "/metrics": metrics_handler}
        return pages.get(environ["PATH_INFO"], self._greeting)(environ, start_response)

    def _greet(self, environ: dict, start_response: Callable) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [self.greeter.greet(environ["PATH_INFO"].strip("/")).encode()]


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_http_requests_to_a_component_are_answered_counted_and_traced(deployer: str) -> None:
    with weaver.deploy(Site, deployer=deployer) as app:
        site = f"http://{app.listener('web')}"
        answers = [httpx.get(f"{site}{path}", timeout=20) for path in (HEALTHZ_URL, "/ann", "/bob", "/metrics")]
        invoked = [event for event in app.events() if isinstance(event, Invoked)]

    assert [answer.text for answer in answers[:3]] == ["OK", "Hello, ann!", "Hello, bob!"]
    assert f'{{host="{site.removeprefix("http://")}",label="greeting"}} 2\n' in answers[3].text
    assert [(event.component, event.callee) for event in invoked[:1]] == [("Site", "Greeter")]  # at least the first
