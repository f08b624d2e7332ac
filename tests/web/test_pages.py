"""The health page and the metrics page, as WSGI and ASGI servers that people use serve them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

import weaverlab as weaver
from tests.transport import servers
from weaverlab.component import Listener
from weaverlab.runtime.listeners import ANY_FREE_PORT, bind
from weaverlab.web import HEALTHZ_URL, healthz_handler, http_metrics, metrics_handler


async def mounted(scope: servers.Scope, receive: servers.Receive, send: servers.Send) -> None:
    """An ASGI application that has the health page at its path."""
    assert scope["path"] == HEALTHZ_URL
    await healthz_handler(scope, receive, send)


SERVERS = {
    "wsgiref": lambda listener: servers.wsgi_server(listener, healthz_handler),
    "uvicorn": lambda listener: servers.uvicorn_server(listener, healthz_handler),
    "uvicorn, mounted": lambda listener: servers.uvicorn_server(listener, mounted),
    "hypercorn": lambda listener: servers.hypercorn_server(listener, mounted),
}


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = bind("web", ANY_FREE_PORT)
    yield listener
    listener.socket.close()


@pytest.mark.parametrize("server", SERVERS)
def test_the_health_page_says_ok_to_get_and_head_and_refuses_all_else(server: str, listener: Listener) -> None:
    with SERVERS[server](listener):
        got, asked, posted = (
            httpx.request(method, f"http://{listener}{HEALTHZ_URL}", timeout=20) for method in ("GET", "HEAD", "POST")
        )

    assert (got.status_code, got.text, got.headers["content-type"]) == (200, "OK", "text/plain; charset=utf-8")
    assert (asked.status_code, asked.content, asked.headers["content-length"]) == (200, b"", "2")
    assert (posted.status_code, posted.headers["allow"], posted.text) == (405, "GET, HEAD", "Use GET or HEAD.\n")


def test_the_metrics_page_has_what_was_counted_in_this_process(listener: Listener) -> None:
    http_metrics.stats("the metrics page", "a.example").requests += 1

    with servers.wsgi_server(listener, metrics_handler):
        answer = httpx.get(f"http://{listener}/metrics", timeout=20)

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'weaverlab_http_request_count{host="a.example",label="the metrics page"} 1\n' in answer.text


def test_an_answer_to_head_has_no_body_for_the_server_to_cut_off() -> None:
    assert healthz_handler({"REQUEST_METHOD": "HEAD"}, lambda status, headers: None) == [b""]


async def test_a_page_refuses_what_is_not_http() -> None:
    with pytest.raises(ValueError, match="HTTP requests only, not 'websocket'"):
        await healthz_handler({"type": "websocket"}, None, None)


def test_what_authors_use_is_in_the_package_itself() -> None:
    assert weaver.HEALTHZ_URL == "/debug/weaver/healthz"
    assert weaver.healthz_handler is healthz_handler
    assert weaver.instrument_handler.__module__ == "weaverlab.web.instrument"
