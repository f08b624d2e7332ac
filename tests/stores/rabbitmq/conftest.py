"""A store `notes` in eu and us over this machine's own RabbitMQ, with exchanges that no other test has.

Both regions are one virtual host here, so no federation is needed; that is in `test_federation`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pika
import pytest

from tests.stores.rabbitmq.world import REGIONS, World, one_broker
from weaverlab.clock import unique_id
from weaverlab.servers import Group, up


@pytest.fixture(scope="module")
def channel() -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    """A channel of somebody else, who looks at what the store has made, and breaks it."""
    with pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1")) as connection:
        yield connection.channel()


@pytest.fixture
def world(channel) -> Iterator[World]:
    """Return replicas of a deployment; at the end they are closed, and their queues are gone."""
    made = World(one_broker(), exchange=f"weaverlab-test-{unique_id()}")
    yield made
    made.close()
    made.delete_queues(channel)


@pytest.fixture(scope="session")
def group() -> Iterator[Group]:
    """A broker of our own that may be stopped: a virtual host for each region, federated, us a little behind."""
    with up("rabbitmq", replicas=1, lag_ms=20) as made:
        yield made


@pytest.fixture
def far(group) -> Iterator[World]:
    """Replicas of a deployment over that broker."""
    made = World(group.section(REGIONS), exchange=f"weaverlab-test-{unique_id()}")
    yield made
    made.close()
