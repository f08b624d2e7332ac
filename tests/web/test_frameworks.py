"""The health page and instrument_handler with the frameworks that people use, as the documentation says."""

from __future__ import annotations

from collections.abc import Iterator

import flask
import httpx
import pytest
import werkzeug.serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from tests.transport import servers
from weaverlab.antipode import context as lineage_context
from weaverlab.antipode.lineage import Dependency, Lineage
from weaverlab.component import Listener
from weaverlab.runtime.listeners import ANY_FREE_PORT, bind
from weaverlab.web import HEALTHZ_URL, healthz_handler, http_metrics, instrument_handler

WROTE = Lineage([Dependency("posts", "eu", 7)])


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = bind("web", ANY_FREE_PORT)
    yield listener
    listener.socket.close()


def errors_of(label: str) -> dict[int, int]:
    (counts,) = (counts for counts in http_metrics.snapshot() if counts.key.label == label)
    return counts.errors


def test_flask_with_a_health_page_and_a_streamed_reply(listener: Listener) -> None:
    app = flask.Flask("shop")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {HEALTHZ_URL: healthz_handler})

    @app.get("/stream")
    def stream() -> flask.Response:
        def pieces() -> Iterator[str]:
            for number in range(3):
                lineage_context.join(WROTE)
                yield f"{flask.request.path} {number} {len(lineage_context.current())}\n"

        return flask.Response(flask.stream_with_context(pieces()))

    with (
        werkzeug.serving.make_server(
            "", 0, instrument_handler("flask", app), fd=listener.socket.fileno(), request_handler=_QuietHandler
        ) as server,
        servers.running(lambda: server.serve_forever(0.01), server.shutdown),
    ):
        answers = [httpx.get(f"http://{listener}{path}", timeout=20) for path in (HEALTHZ_URL, "/stream", "/x")]

    assert [answer.text for answer in answers[:2]] == ["OK", "/stream 0 1\n/stream 1 1\n/stream 2 1\n"]
    assert errors_of("flask") == {404: 1}


class _QuietHandler(werkzeug.serving.WSGIRequestHandler):
    def log(self, *args: object) -> None:
        pass


def test_starlette_with_a_health_page_and_a_streamed_reply(listener: Listener) -> None:
    app = Starlette()
    app.add_route(HEALTHZ_URL, healthz_handler)

    async def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(str(number) for number in range(3))

    app.add_route("/stream", stream)

    with servers.uvicorn_server(listener, instrument_handler("starlette", app)):
        answers = [httpx.get(f"http://{listener}{path}", timeout=20) for path in (HEALTHZ_URL, "/stream", "/x")]

    assert [answer.text for answer in answers[:2]] == ["OK", "012"]
    assert errors_of("starlette") == {404: 1}
