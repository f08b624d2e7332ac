"""Pages of plain text that a WSGI and an ASGI server can both serve: the health page and the metrics page.

- Starlette, FastAPI: `app.add_route(HEALTHZ_URL, healthz_handler)`
- Flask, with werkzeug's middleware: `app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {HEALTHZ_URL: healthz_handler})`
- by hand: `if environ["PATH_INFO"] == HEALTHZ_URL: return healthz_handler(environ, start_response)`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from weaverlab.observe.prometheus import CONTENT_TYPE, http_text
from weaverlab.web.apps import Environ, Receive, Scope, Send, StartResponse
from weaverlab.web.instrument import http_metrics

HEALTHZ_URL = "/debug/weaver/healthz"  # Service Weaver's path, so that load balancers need no other setting


class _Answer(NamedTuple):
    status: HTTPStatus
    headers: list[tuple[str, str]]
    body: bytes


class Page:
    """Answers GET and HEAD with the text that `render` returns; for any path, since whoever mounts it has chosen one.

    It is told by its arguments how it is called: two, a WSGI application; three, an ASGI application; one, the first
    half of the older ASGI 2, for which uvicorn takes an object whose `__call__` is not async.
    """

    def __init__(self, render: Callable[[], str], content_type: str) -> None:
        self._render = render
        self._content_type = content_type

    def __call__(self, *arguments: Any) -> Any:
        if len(arguments) == 1:
            return partial(self._asgi, *arguments)
        return self._wsgi(*arguments) if len(arguments) == 2 else self._asgi(*arguments)

    def _wsgi(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ["REQUEST_METHOD"])
        start_response(f"{answer.status.value} {answer.status.phrase}", answer.headers)
        return [answer.body]

    async def _asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"this page answers HTTP requests only, not {scope['type']!r}")
        answer = self._answer(scope["method"])
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status.value, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def _answer(self, method: str) -> _Answer:
        status = HTTPStatus.OK if method in ("GET", "HEAD") else HTTPStatus.METHOD_NOT_ALLOWED
        body = (self._render() if status is HTTPStatus.OK else "Use GET or HEAD.\n").encode()
        headers = [("Content-Type", self._content_type), ("Content-Length", str(len(body)))]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers.append(("Allow", "GET, HEAD"))
        return _Answer(status, headers, b"" if method == "HEAD" else body)


healthz_handler = Page(lambda: "OK", "text/plain; charset=utf-8")
metrics_handler = Page(lambda: http_text(http_metrics.snapshot()), CONTENT_TYPE)
