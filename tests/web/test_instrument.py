"""instrument_handler around WSGI and ASGI applications: served by servers that people use, or called as one may."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import httpx
import pytest
import websockets.sync.client

from tests.transport import servers
from weaverlab.antipode import context as lineage_context
from weaverlab.antipode.lineage import Dependency, Lineage
from weaverlab.component import Listener
from weaverlab.observe.web_metrics import HttpCounts
from weaverlab.runtime import context
from weaverlab.runtime.listeners import ANY_FREE_PORT, bind
from weaverlab.web import http_metrics, instrument_handler, sampling
from weaverlab.web.asgi import InstrumentedAsgi
from weaverlab.web.wsgi import InstrumentedWsgi

WROTE = Lineage([Dependency("posts", "eu", 7)])


@pytest.fixture
def label(request: pytest.FixtureRequest) -> str:
    """A label of this test's own, since the metrics are those of the process."""
    return str(request.node.name)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = bind("web", ANY_FREE_PORT)
    yield listener
    listener.socket.close()


@pytest.fixture
def long_sampling_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pause between two traced requests be shorter than a test."""
    monkeypatch.setattr(sampling, "INTERVAL_S", 1e9)


def counts_of(label: str) -> HttpCounts:
    """Return what was counted under `label`, for the one host that asked."""
    (counts,) = (counts for counts in http_metrics.snapshot() if counts.key.label == label)
    return counts


def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[[bytes], object]:
    return lambda piece: None


def environ() -> dict[str, object]:
    found: dict[str, object] = {}
    setup_testing_defaults(found)
    return found


def say(text: str, start: Callable) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


def wsgi_shop(environ: dict, start_response: Callable) -> list[bytes]:
    """Echoes; knows one path only."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
    start_response("200 OK" if environ["PATH_INFO"] == "/" else "404 Not Found", [("Content-Type", "text/plain")])
    return [body or b"nothing"]


async def asgi_shop(scope: servers.Scope, receive: servers.Receive, send: servers.Send) -> None:
    """The same for ASGI."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    status = 200 if scope["path"] == "/" else 404
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": body or b"nothing"})


SHOPS = {
    "wsgi": (servers.wsgi_server, wsgi_shop),
    "asgi": (servers.uvicorn_server, asgi_shop),
    "asgi over HTTP/2": (servers.hypercorn_server, asgi_shop),
}


@pytest.mark.parametrize("kind", SHOPS)
def test_requests_errors_latency_and_bytes_are_counted_by_label_and_host(
    kind: str, label: str, listener: Listener
) -> None:
    serve, shop = SHOPS[kind]
    http2 = kind.endswith("HTTP/2")

    with (
        serve(listener, instrument_handler(label, shop)),
        httpx.Client(base_url=f"http://{listener}", http1=not http2, http2=http2, timeout=20) as client,
    ):
        answers = [client.post("/", content=b"x" * 10_000), client.get("/"), client.get("/nonesuch")]

    assert [answer.status_code for answer in answers] == [200, 200, 404]
    assert answers[0].content == b"x" * 10_000
    counts = counts_of(label)
    assert counts.requests == sum(counts.latency_micros.buckets) == 3
    assert counts.errors == {404: 1}
    assert counts.latency_micros.total > 0
    assert 10_000 < counts.bytes_received.total < 12_000
    assert 10_000 + 2 * len("nothing") < counts.bytes_returned.total < 12_000
    assert http2 or counts.key.host == str(listener)


# WSGI


def test_what_server_and_wsgi_application_see_of_each_other_is_as_pep_3333_wants_it(
    label: str, listener: Listener
) -> None:
    checked = validator(instrument_handler(label, validator(wsgi_shop), asgi=False))

    with servers.wsgi_server(listener, checked):
        answer = httpx.get(f"http://{listener}/", timeout=20)

    assert (answer.status_code, answer.text) == (200, "nothing")


def test_a_wsgi_application_that_raises_is_counted_as_an_error_and_its_exception_goes_on(label: str) -> None:
    def fails(environ: dict, start_response: Callable) -> list[bytes]:
        raise ZeroDivisionError("as asked")

    with pytest.raises(ZeroDivisionError, match="as asked"):
        instrument_handler(label, fails)(environ(), start_response)

    assert counts_of(label).errors == {500: 1}


def test_a_wsgi_reply_that_raises_half_way_is_counted_and_closed(label: str) -> None:
    closed = []

    def fails_half_way(environ: dict, start_response: Callable) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            yield b"half"
            raise ZeroDivisionError("as asked")
        finally:
            closed.append(True)

    reply = instrument_handler(label, fails_half_way)(environ(), start_response)
    assert next(iter(reply)) == b"half"
    with pytest.raises(ZeroDivisionError, match="as asked"):
        next(iter(reply))
    reply.close()

    assert closed == [True]
    assert counts_of(label).errors == {500: 1}
    assert sum(counts_of(label).latency_micros.buckets) == 1


def test_a_wsgi_reply_that_the_client_did_not_wait_for_is_closed_and_no_error(label: str) -> None:
    closed = []

    def endless(environ: dict, start_response: Callable) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"more"
        finally:
            closed.append(True)

    reply = instrument_handler(label, endless)(environ(), start_response)
    next(iter(reply))
    reply.close()

    assert closed == [True]
    assert counts_of(label).errors == {}


def test_a_wsgi_reply_of_one_piece_keeps_its_length(label: str, listener: Listener) -> None:
    with servers.wsgi_server(listener, instrument_handler(label, lambda environ, start: say("short", start))):
        answer = httpx.get(f"http://{listener}/", timeout=20)

    assert answer.headers["content-length"] == "5"  # wsgiref sets it where it can see that there is one piece


def test_what_a_wsgi_application_writes_is_counted(label: str) -> None:
    written = []

    def writes(environ: dict, start_response: Callable) -> list[bytes]:
        start_response("200 OK", [])(b"x" * 5000)
        return []

    instrument_handler(label, writes)(environ(), lambda *_: written.append).close()

    assert written == [b"x" * 5000]
    assert 5000 < counts_of(label).bytes_returned.total < 5100


def test_a_wsgi_request_of_unknown_length_is_counted_without_its_bytes(label: str) -> None:
    chunked = {**environ(), "HTTP_TRANSFER_ENCODING": "chunked"}

    instrument_handler(label, lambda environ, start: say("ok", start))(chunked, start_response).close()

    counts = counts_of(label)
    assert (counts.requests, sum(counts.bytes_received.buckets)) == (1, 0)


def test_every_wsgi_request_is_a_root_of_its_own_also_while_replies_are_interleaved(label: str) -> None:
    def remembers(environ: dict, start_response: Callable) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"%d" % len(lineage_context.current())
        lineage_context.join(WROTE)
        yield b"%d" % len(lineage_context.current())

    app = instrument_handler(label, remembers)
    lineage_context.replace(WROTE)  # of whatever this thread did before
    replies = [app(environ(), start_response), app(environ(), start_response)]
    seen = [[next(iter(reply)) for reply in replies] for _ in range(2)]
    for reply in replies:
        reply.close()

    assert seen == [[b"0", b"0"], [b"1", b"1"]]
    assert lineage_context.current() == WROTE
    lineage_context.replace(Lineage())


@pytest.mark.usefixtures("long_sampling_interval")
def test_the_first_wsgi_request_is_traced_and_the_next_only_later(label: str) -> None:
    app = instrument_handler(label, lambda environ, start: say(context.trace.get(), start))

    replies = [app(environ(), start_response) for _ in range(3)]
    traces = [b"".join(reply) for reply in replies]
    for reply in replies:
        reply.close()

    assert [len(trace) for trace in traces] == [32, 0, 0]
    assert context.trace.get() == ""


# ASGI


async def call_asgi(app: Callable, *bodies: bytes) -> list[dict[str, object]]:
    """Call `app` as a server does; return what it sent."""
    incoming = [{"type": "http.request", "body": body, "more_body": True} for body in bodies]
    sent: list[dict[str, object]] = []
    scope = {"type": "http", "method": "POST", "http_version": "1.1", "path": "/", "query_string": b"", "headers": []}

    async def receive() -> dict[str, object]:
        return incoming.pop(0) if incoming else {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def test_an_asgi_application_that_raises_is_counted_as_an_error_and_its_exception_goes_on(label: str) -> None:
    async def fails(scope: servers.Scope, receive: servers.Receive, send: servers.Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError("as asked")

    with pytest.raises(ZeroDivisionError, match="as asked"):
        await call_asgi(instrument_handler(label, fails))

    assert counts_of(label).errors == {500: 1}


async def test_an_asgi_request_that_is_cancelled_is_counted_and_no_error(label: str) -> None:
    async def waits(scope: servers.Scope, receive: servers.Receive, send: servers.Send) -> None:
        await asyncio.Event().wait()

    task = asyncio.ensure_future(call_asgi(instrument_handler(label, waits)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    counts = counts_of(label)
    assert (sum(counts.latency_micros.buckets), counts.errors) == (1, {})


async def test_the_pieces_of_an_asgi_request_and_reply_are_counted_and_passed_on_one_by_one(label: str) -> None:
    sent = await call_asgi(instrument_handler(label, servers.asgi_echo), b"x" * 4000, b"y" * 4000)

    assert [message.get("body") for message in sent] == [None, b"x" * 4000, b"y" * 4000, b""]
    assert 8000 < counts_of(label).bytes_received.total < 8100
    assert 8000 < counts_of(label).bytes_returned.total < 8100


@pytest.mark.usefixtures("long_sampling_interval")
async def test_every_asgi_request_is_a_root_of_its_own_and_the_first_is_traced(label: str) -> None:
    seen = []

    async def remembers(scope: servers.Scope, receive: servers.Receive, send: servers.Send) -> None:
        seen.append((lineage_context.current(), len(context.trace.get())))
        lineage_context.join(WROTE)

    app = instrument_handler(label, remembers)
    lineage_context.join(WROTE)
    await call_asgi(app)
    await call_asgi(app)

    assert seen == [(Lineage(), 32), (Lineage(), 0)]


def test_lifespan_and_websockets_of_an_asgi_application_pass_through_uncounted(label: str, listener: Listener) -> None:
    scopes = []

    async def app(scope: servers.Scope, receive: servers.Receive, send: servers.Send) -> None:
        scopes.append(scope["type"])
        if scope["type"] == "lifespan":
            for answer in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
                await receive()
                await send({"type": answer})
            return
        await receive()
        await send({"type": "websocket.accept"})
        message = await receive()
        await send({"type": "websocket.send", "text": message["text"]})
        await receive()

    with (
        servers.uvicorn_server(listener, instrument_handler(label, app)),
        websockets.sync.client.connect(f"ws://{listener}/", proxy=None) as client,
    ):
        client.send("hello")

        assert client.recv(20) == "hello"
    assert scopes == ["lifespan", "websocket"]
    assert [counts for counts in http_metrics.snapshot() if counts.key.label == label] == []


# Which of the two it is


class AsgiObject:
    async def __call__(self, scope: object, receive: object, send: object) -> None: ...


class WsgiClass:
    """PEP 3333 allows a class: its instances are the replies."""

    def __init__(self, environ: dict, start_response: Callable) -> None: ...

    def __iter__(self) -> Iterator[bytes]: ...


def returns_a_coroutine(scope: object, receive: object, send: object) -> object:
    return AsgiObject()(scope, receive, send)


def takes_anything(*arguments: object) -> object: ...


async def takes_anything_async(*arguments: object) -> None: ...


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        (wsgi_shop, InstrumentedWsgi),
        (WsgiClass, InstrumentedWsgi),
        (functools.partial(lambda setting, environ, start_response: [], 1), InstrumentedWsgi),
        (asgi_shop, InstrumentedAsgi),
        (AsgiObject(), InstrumentedAsgi),
        (returns_a_coroutine, InstrumentedAsgi),
        (takes_anything_async, InstrumentedAsgi),
        (functools.partial(asgi_shop), InstrumentedAsgi),
    ],
)
def test_the_kind_of_an_application_is_told_by_how_it_is_called(app: Callable, kind: type) -> None:
    assert type(instrument_handler("kinds", app)) is kind


def test_an_application_that_takes_anything_needs_to_be_told_of() -> None:
    with pytest.raises(TypeError, match=r"takes any arguments\. Say which it is: asgi=True or asgi=False"):
        instrument_handler("kinds", takes_anything)

    assert type(instrument_handler("kinds", takes_anything, asgi=True)) is InstrumentedAsgi
    assert type(instrument_handler("kinds", takes_anything, asgi=False)) is InstrumentedWsgi


@pytest.mark.parametrize(
    ("label", "app", "said"),
    [
        ("kinds", lambda: None, "takes neither"),
        ("kinds", "app", "expected a WSGI or ASGI application, got 'app'"),
        (wsgi_shop, "kinds", r"instrument_handler\(label, app\): expected a str for a label, got <function"),
    ],
)
def test_what_is_no_application_is_refused(label: object, app: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        instrument_handler(label, app)
