"""The embedded stores of one deployment in one process: `posts` (records) and `notes` (a queue), in eu and us."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any

from weaverlab.antipode import request
from weaverlab.config import AntipodeConfig, Lag
from weaverlab.history import Event
from weaverlab.stores import Datastores, EmbeddedStores, Host, open_datastores

REGIONS = ("eu", "us")


class Deployment:
    """Replicas of any region through `replica(region)`; `trace` is the trace id that all of them are in now."""

    def __init__(self, posts_ms: float = 0.0, notes_ms: float = 0.0) -> None:
        self.configs = (
            config_of("posts", "embedded-kv", posts_ms),
            config_of("notes", "embedded-queue", notes_ms),
        )
        self.service = EmbeddedStores(self.configs)
        self.events: list[Event] = []
        self.trace = ""

    def replica(self, region: str, service: Any = None, **host: Any) -> Datastores:
        me = Host(
            component=f"Component{region.upper()}",
            replica="1",
            region=region,
            record=self.events.append,
            trace=lambda: self.trace,
            follow=lambda trace: setattr(self, "trace", trace),
        )
        return open_datastores(self.configs, service or self.service, Host(**{**vars(me), **host}))


def config_of(name: str, kind: Any, lag_ms: float) -> AntipodeConfig:
    lag = Lag("constant", lag_ms)
    return AntipodeConfig(name, kind, name, REGIONS, 7, {(a, b): lag for a in REGIONS for b in REGIONS if a != b})


def in_thread(function: Callable[..., Any], *args: Any) -> Future[Any]:
    """Run `function` in a thread and a request of its own; `.result(timeout)` awaits it."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            with request():
                future.set_result(function(*args))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def handle_in_thread(messages: Iterable[Any], handle: Callable[[], object]) -> Future[Any]:
    """Call `handle` for each of `messages`, in a thread as above; the result is the values of those handled."""

    def loop() -> list[object]:
        values = []
        for message in messages:
            handle()
            values.append(message.value)
        return values

    return in_thread(loop)
