"""For components that speak HTTP: a health page, and metrics and traces of their requests, for WSGI and ASGI alike.

Any server takes a `Listener`, so there is none in here, nor a framework.
"""

from __future__ import annotations

from weaverlab.web.instrument import http_metrics, instrument_handler
from weaverlab.web.pages import HEALTHZ_URL, healthz_handler, metrics_handler

__all__ = ["HEALTHZ_URL", "healthz_handler", "http_metrics", "instrument_handler", "metrics_handler"]
