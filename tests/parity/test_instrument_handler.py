"""`instrument_handler(label, app)`: five metrics of HTTP requests, and traces of some, for WSGI and ASGI."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import httpx

import weaverlab as weaver
from tests.transport import servers
from weaverlab import Component, Listener, Ref, instrument_handler
from weaverlab.history import Invoked
from weaverlab.web import metrics_handler

METRICS = {"request_count", "error_count", "request_latency_micros", "request_bytes_received", "request_bytes_returned"}


class Greeter(Component):
    def greet(self) -> str:
        return "Hello"


class Site(Component):
    greeter: Ref[Greeter]
    wsgi: Listener
    asgi: Listener
    metrics: Listener

    def init(self) -> None:
        self.servers = ExitStack()
        replica = (
            f"{self.weaver.deployment_id} "  # metrics are those of a process, which may have seen other deployments
        )
        self.servers.enter_context(servers.wsgi_server(self.wsgi, instrument_handler(replica + "wsgi", self.hello)))
        asgi = instrument_handler(replica + "asgi", servers.asgi_echo)
        self.servers.enter_context(servers.uvicorn_server(self.asgi, asgi))
        self.servers.enter_context(servers.wsgi_server(self.metrics, metrics_handler))

    def hello(self, environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
        start_response("404 Not Found" if environ["PATH_INFO"] == "/nothing" else "200 OK", [])
        return [self.greeter.greet().encode()]

    def shutdown(self) -> None:
        self.servers.close()


def test_requests_are_counted_by_label_and_the_first_is_traced(deployer: str) -> None:
    with weaver.deploy(Site, deployer=deployer) as app:
        assert httpx.get(f"http://{app.listener('wsgi')}/", timeout=20).text == "Hello"
        assert httpx.get(f"http://{app.listener('wsgi')}/nothing", timeout=20).status_code == 404
        assert httpx.post(f"http://{app.listener('asgi')}/", content=b"abc", timeout=20).content == b"abc"

        text = httpx.get(f"http://{app.listener('metrics')}/", timeout=20).text
        calls = [event for event in app.events() if isinstance(event, Invoked) and event.callee == "Greeter"]

    ours = [line for line in text.splitlines() if app.id in line]
    counts = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in ours}
    wsgi, asgi = (
        next(line for line in counts if "request_count{" in line and f" {kind}" in line) for kind in ("wsgi", "asgi")
    )
    assert (counts[wsgi], counts[asgi]) == ("2", "1")
    assert all(any(line.startswith(f"weaverlab_http_{metric}") for line in ours) for metric in METRICS)
    assert calls and all(event.request for event in calls)
