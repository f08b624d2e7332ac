"""`HEALTHZ_URL`, `healthz_handler`: a health page for WSGI and ASGI servers."""

from __future__ import annotations

from contextlib import ExitStack

import httpx

import weaverlab as weaver
from tests.transport import servers
from weaverlab import HEALTHZ_URL, Component, Listener, healthz_handler


class Site(Component):
    wsgi: Listener
    asgi: Listener

    def init(self) -> None:
        self.servers = ExitStack()
        self.servers.enter_context(servers.wsgi_server(self.wsgi, healthz_handler))
        self.servers.enter_context(servers.uvicorn_server(self.asgi, healthz_handler))

    def shutdown(self) -> None:
        self.servers.close()


def test_the_health_page_is_served_by_wsgi_and_by_asgi(deployer: str) -> None:
    with weaver.deploy(Site, deployer=deployer) as app:
        for name in ("wsgi", "asgi"):
            answer = httpx.get(f"http://{app.listener(name)}{HEALTHZ_URL}", timeout=20)
            assert (answer.status_code, answer.text) == (200, "OK")

    assert HEALTHZ_URL == "/debug/weaver/healthz"
