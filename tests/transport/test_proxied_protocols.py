"""What servers and clients that people use say to each other passes through the proxy: it is bytes."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import httpx
import pytest
import websockets.sync.client

from tests.transport import servers
from weaverlab.component import Listener
from weaverlab.runtime.listeners import ANY_FREE_PORT, bind
from weaverlab.transport import LoopThread
from weaverlab.transport.proxy import Proxy

BODY = bytes(range(256)) * 12_000  # 3 MB: more than one read


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    thread = LoopThread("proxy")
    started = Proxy("web", ANY_FREE_PORT, thread)
    yield started
    started.close(0.0)
    thread.stop()


@pytest.fixture
def listener(proxy: Proxy) -> Iterator[Listener]:
    """The listener of the only replica behind the proxy."""
    listener = bind("web", ANY_FREE_PORT, proxy.addr)
    proxy.set_targets([listener.addr])
    yield listener
    listener.socket.close()


def test_http_server_keeps_connections_alive(listener: Listener) -> None:
    with servers.http_server(listener):
        client = http.client.HTTPConnection(str(listener), timeout=20)
        seen = set()
        for body in (b"one", b"", BODY):
            client.request("POST", "/", body)
            answer = client.getresponse()
            seen.add(answer.getheader("X-Connection"))

            assert answer.read() == body
        client.close()

    assert len(seen) == 1


def test_a_wsgi_application_that_ends_its_connections(listener: Listener) -> None:
    with servers.wsgi_server(listener):
        answers = [httpx.post(f"http://{listener}/", content=body, timeout=20) for body in (b"one", BODY)]

    assert [answer.content for answer in answers] == [b"one", BODY]


def test_an_asgi_application_with_streamed_bodies(listener: Listener) -> None:
    pieces = [BODY, b"last"]

    with servers.uvicorn_server(listener):
        answer = httpx.post(f"http://{listener}/", content=iter(pieces), timeout=20)

    assert answer.content == b"".join(pieces)
    assert answer.headers["x-version"] == "1.1"


def test_http_2_with_many_requests_on_one_connection(listener: Listener) -> None:
    with (
        servers.hypercorn_server(listener),
        httpx.Client(http1=False, http2=True, base_url=f"http://{listener}", timeout=20) as client,
    ):
        answers = [client.post("/", content=body) for body in (b"one", b"two", BODY)]

    assert [answer.content for answer in answers] == [b"one", b"two", BODY]
    assert {answer.headers["x-version"] for answer in answers} == {"2"}
    assert {answer.http_version for answer in answers} == {"HTTP/2"}


def test_websocket_messages_and_the_closing_handshake(listener: Listener) -> None:
    with servers.websocket_server(listener):
        with websockets.sync.client.connect(f"ws://{listener}/", max_size=None, proxy=None) as client:
            client.send("text")
            client.send(BODY[:500_000])

            assert [client.recv(20), client.recv(20)] == ["text", BODY[:500_000]]
        assert client.close_code == 1000  # the server answered the closing frame
