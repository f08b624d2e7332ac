"""Replicas in any region that share the RabbitMQ store `notes`, and what a test does with them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from tests.stores.real import toml_of
from weaverlab.antipode import request
from weaverlab.config import parse
from weaverlab.stores import Antipode, Consumer, Datastores, Host, Pools, open_datastores
from weaverlab.stores.rabbitmq.messages import dead_queue_name, queue_name

KEY = "new"
REGIONS = ("eu", "us")
LONG_S = 60.0


class World:
    """`section` is what [antipode.notes] says."""

    def __init__(self, section: dict[str, Any], exchange: str) -> None:
        self.exchange = exchange
        self.trace = ""
        self._configs = parse(toml_of(section, "notes")).antipode
        self._pools: list[Pools] = []

    def replica(self, region: str, **more: Any) -> Datastores:
        """Return the stores of one more process, as far as connections are concerned."""
        self._pools.append(Pools())

        def follow(trace: str) -> None:
            self.trace = trace

        host = Host(region=region, trace=lambda: self.trace, follow=follow, **more)
        return open_datastores(self._configs.values(), None, host, os.environ, self._pools[-1])

    def agent(self, region: str) -> Antipode:
        return self.replica(region).agent("notes")

    def consumer(self, region: str, key: str = KEY, lease_s: float = LONG_S) -> Consumer:
        return self.agent(region).consume(self.exchange, key, lease_s)

    def publish(self, *values: object, key: str = KEY) -> None:
        notes = self.agent("eu")
        with request():
            for value in values:
                notes.write(self.exchange, key, value)

    def drain(self, region: str, count: int) -> list[object]:
        """Handle the next `count` messages and return their values."""
        with self.consumer(region) as messages:
            return [next(messages).value for _ in range(count)]

    def queue(self, region: str) -> str:
        return queue_name(self.exchange, KEY, region)

    def close(self) -> None:
        for pools in self._pools:
            pools.close()

    def delete_queues(self, channel: Any) -> None:
        for region in REGIONS:
            channel.queue_delete(self.queue(region))
            channel.queue_delete(dead_queue_name(self.queue(region)))
        channel.exchange_delete(self.exchange)


def one_broker(address: str = "127.0.0.1:5672", **settings: Any) -> dict[str, Any]:
    """Return a section whose regions share one virtual host, so that no federation is needed."""
    return {"type": "rabbitmq", "servers": dict.fromkeys(REGIONS, address), **settings}


def wait_until(what: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Look again and again until `what()` is true."""
    ends_s = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < ends_s, "it did not happen in time"
        time.sleep(0.01)
