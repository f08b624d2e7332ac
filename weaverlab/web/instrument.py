"""Metrics and sampled traces of HTTP requests, around any WSGI or ASGI application, which notices nothing of it."""

from __future__ import annotations

from typing import Any, overload

from weaverlab.clock import SystemClock, system_rng
from weaverlab.observe.web_metrics import HttpMetrics
from weaverlab.web.apps import AsgiApp, WsgiApp, is_asgi
from weaverlab.web.asgi import InstrumentedAsgi
from weaverlab.web.exchange import Exchange
from weaverlab.web.sampling import TraceSampler
from weaverlab.web.wsgi import InstrumentedWsgi

http_metrics = HttpMetrics()  # of this process; `metrics_handler` serves them


@overload
def instrument_handler(label: str, app: WsgiApp, *, asgi: bool | None = None) -> WsgiApp: ...
@overload
def instrument_handler(label: str, app: AsgiApp, *, asgi: bool | None = None) -> AsgiApp: ...
def instrument_handler(label: str, app: Any, *, asgi: bool | None = None) -> Any:
    """Return `app`, counting its HTTP requests under `label` and tracing about one of them each second.

    Each request is the root of a request of its own, as `weaver.request()` opens one: what the thread or task did
    before is no dependency of it. WebSockets and other scopes of ASGI pass through unnoticed.

    Args:
        label: tells this handler from others in the metrics; of an application's own choice, so that there are few.
        app: a WSGI or an ASGI application.
        asgi: which of the two it is, where its signature does not tell.

    Counted by label and Host header: weaverlab_http_request_count; weaverlab_http_error_count, replies of 400 and above
    by code, with 500 for an application that raises; weaverlab_http_request_latency_micros, up to the end of the body;
    and about how many bytes, weaverlab_http_request_bytes_received and weaverlab_http_request_bytes_returned.

    Raises:
        TypeError: `app` is no application, or it cannot be told of which kind.
    """
    if not isinstance(label, str):
        raise TypeError(f"instrument_handler(label, app): expected a str for a label, got {label!r}.")
    sampler = TraceSampler(SystemClock, system_rng())

    def begin(host: str) -> Exchange:
        return Exchange(http_metrics.stats(label, host), sampler.should_trace(), SystemClock)

    if is_asgi(app) if asgi is None else asgi:
        return InstrumentedAsgi(app, begin)
    return InstrumentedWsgi(app, begin)
