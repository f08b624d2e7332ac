"""The HTTP side of App: two routes over its listener. It knows nothing about components.

POST /posts       {"id": "p1", "text": "hello"}    once the post and its notification have been accepted
GET  /outcomes    ?count=100&timeout_s=5           once 100 outcomes are known or after 5 s: all outcomes
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from weaverlab.experiment import HttpServer, Route, json_routes

POLL_TIMEOUT_S_MAX = 25.0  # below the idle timeout of a connection


@dataclass
class Sent:
    """What a client sends."""

    id: str
    text: str


@dataclass
class OutcomesAsked:
    """How many outcomes to wait for, and how long."""

    count: int = 0
    timeout_s: float = 0.0


def serve_posts(
    listener: socket.socket, publish: Callable[[str, str], None], outcomes: Callable[[int, float], list[Any]]
) -> HttpServer:
    """Serve on `listener`: `publish` takes id and text of a post, `outcomes` returns dataclasses."""

    def post(sent: Sent) -> dict[str, str]:
        publish(sent.id, sent.text)
        return {"id": sent.id}

    def wait(asked: OutcomesAsked) -> list[dict[str, Any]]:
        return [asdict(outcome) for outcome in outcomes(asked.count, min(asked.timeout_s, POLL_TIMEOUT_S_MAX))]

    routes = {"POST /posts": Route(Sent, post), "GET /outcomes": Route(OutcomesAsked, wait)}
    return HttpServer(listener, json_routes(routes))
