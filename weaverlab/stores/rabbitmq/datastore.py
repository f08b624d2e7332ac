"""A store of kind "rabbitmq" as seen from one region: messages are published, and consumed once in each region.

Messages are published at the broker of the primary region, wherever their publisher is, and consumed from the broker of
the consumer's own; federation carries them there. Nobody can read a queue, so nobody can miss anything in it: barriers
do not wait for messages, and say so. Not in here: connections.
"""

from __future__ import annotations

import os
from typing import NoReturn

from pika import BasicProperties, DeliveryMode

from weaverlab.antipode import Dependency
from weaverlab.antipode.queue import Message
from weaverlab.clock import Clock, unique_id
from weaverlab.config import AntipodeConfig
from weaverlab.errors import DeadlineExceeded, StoreError, WeaverError
from weaverlab.stores.datastore import DeadLetter, Health
from weaverlab.stores.host import Host
from weaverlab.stores.pool import Endpoint, Pools
from weaverlab.stores.rabbitmq.broker import Broker
from weaverlab.stores.rabbitmq.dead_letters import dead_letters, requeue_dead_letters
from weaverlab.stores.rabbitmq.messages import Versions, check_names, check_value, headers_of
from weaverlab.stores.rabbitmq.publisher import WRITE_TIMEOUT_S, Publisher
from weaverlab.stores.rabbitmq.subscription import RabbitSubscription
from weaverlab.stores.rabbitmq.topology import declare_queue
from weaverlab.stores.settings import missing_authorities, remedy

DEFAULT_USER = "guest"  # whom a new RabbitMQ knows, by the same password, from its own host
DEFAULT_VHOST = "/"


class _Client:
    """What all agents of a store share in one process."""

    def __init__(self, config: AntipodeConfig, endpoint: Endpoint, clock: Clock) -> None:
        self.broker = Broker(config.id, endpoint, remedy(config))
        self.publisher = Publisher(self.broker)
        self.versions = Versions(clock, publisher=int(unique_id(8), 16))

    def close(self) -> None:
        self.broker.close()


class RabbitDatastore:
    """Connects when first used, on connections that belong to `pools`."""

    waiter = None

    def __init__(self, config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools) -> None:
        assert config.servers is not None  # as it is a real one
        self.store = config.id
        self.region = region
        self._config = config
        self._servers = config.servers
        self._password = password
        self._host = host
        self._pools = pools

    def write(self, table: str, key: str, value: bytes, lineage: bytes, trace: bytes) -> Dependency:
        check_names(table, key, self.region)
        check_value(value, f"{table}/{key} of store {self.store!r}")
        origin = self._servers.primary
        client = self._client(origin)
        written = Dependency(self.store, origin, client.versions.next())
        properties = BasicProperties(
            message_id=f"{written.scope}:{written.version}",
            delivery_mode=DeliveryMode.Persistent,
            headers=headers_of(Message(value, lineage, written, trace)),
        )
        client.broker.loop.run(client.publisher.publish(table, key, value, properties, self._time_left_s()))
        return written

    def subscribe(self, exchange: str, key: str, lease_s: float) -> RabbitSubscription:
        check_names(exchange, key, self.region)
        client, queue = self._client(self.region), (exchange, key, self.region)
        client.broker.loop.run(_declare(client, *queue))  # now: what is published from here on is for this region too
        return RabbitSubscription(client.broker, queue, lease_s)

    def health(self) -> Health:
        try:
            for client in (self._client(self._servers.primary), self._client(self.region)):
                client.broker.loop.run(client.publisher.link())
        except WeaverError as error:
            return Health(False, str(error))
        addresses = self._servers.addresses
        return Health(True, f"publishes to {addresses[self._servers.primary]}, consumes from {addresses[self.region]}")

    def dead_letters(self, exchange: str, key: str) -> tuple[DeadLetter, ...]:
        client = self._client(self.region)
        return client.broker.loop.run(dead_letters(client.broker, client.publisher, exchange, key, self.region))

    def requeue_dead_letters(self, exchange: str, key: str) -> int:
        client = self._client(self.region)
        return client.broker.loop.run(requeue_dead_letters(client.broker, client.publisher, exchange, key, self.region))

    def read(self, table: str, key: str) -> NoReturn:
        raise StoreError(_not_records(self.store))

    def delete(self, table: str, key: str, lineage: bytes, trace: bytes) -> NoReturn:
        raise StoreError(_not_records(self.store))

    def _time_left_s(self) -> float:
        left_s = self._host.remaining_s()
        if left_s is not None and left_s <= 0:
            raise DeadlineExceeded(f"store {self.store!r}: the time was over before the message was published.")
        return WRITE_TIMEOUT_S if left_s is None else min(WRITE_TIMEOUT_S, left_s)

    def _client(self, region: str) -> _Client:
        endpoint = self._endpoint(region)
        key = self.store, endpoint, os.getpid()  # a forked child makes its own
        return self._pools.shared(key, lambda: _Client(self._config, endpoint, self._host.clock))

    def _endpoint(self, region: str) -> Endpoint:
        servers = self._servers
        if region not in servers.addresses:
            known = ", ".join(servers.addresses)
            raise StoreError(f"store {self.store!r} has no broker in region {region!r}; it has: {known}.")
        endpoint = Endpoint(
            "rabbitmq",
            servers.addresses[region],
            servers.user or DEFAULT_USER,
            self._password or DEFAULT_USER,
            servers.databases[region] or DEFAULT_VHOST,
            servers.tls,
        )
        if endpoint.is_socket:
            raise StoreError(f"store {self.store!r}: RabbitMQ listens on host:port, not on {endpoint.address!r}.")
        if missing := missing_authorities(endpoint):
            raise StoreError(f"store {self.store!r}: {missing}. {remedy(self._config)}")
        return endpoint


def open_store(config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools) -> RabbitDatastore:
    """Return the store of [antipode.NAME]; nothing is connected to yet."""
    return RabbitDatastore(config, region, password, host, pools)


async def _declare(client: _Client, exchange: str, key: str, region: str) -> None:
    try:
        async with (await client.publisher.link()).channel_for() as channel:
            await declare_queue(channel, exchange, key, region)
    except Exception as error:
        raise client.broker.translated(error) from error


def _not_records(store: str) -> str:
    return f"store {store!r} is a queue: its messages are consumed, not read or deleted by key."
