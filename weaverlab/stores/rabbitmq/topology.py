"""The exchanges and queues of ours, as RabbitMQ is asked to make them: durable, and the same whoever asks first.

Quorum queues: they are replicated over the nodes of a cluster, they count deliveries, and what becomes a dead letter
leaves its queue only when the other one has it. Asking again is harmless; if something of the name was made otherwise,
RabbitMQ refuses. Their names are made in `messages`.
"""

from __future__ import annotations

from typing import Any

from weaverlab.stores.rabbitmq.link import Channel
from weaverlab.stores.rabbitmq.messages import DELIVERIES_MAX, dead_queue_name, queue_name


async def declare_exchange(channel: Channel, exchange: str) -> None:
    await channel.ask(channel.raw.exchange_declare, exchange=exchange, exchange_type="direct", durable=True)


async def declare_queue(channel: Channel, exchange: str, key: str, region: str) -> str:
    """Make the queue of a region, and the one for its dead letters, and bind it; return its name."""
    queue = queue_name(exchange, key, region)
    dead = dead_queue_name(queue)
    await declare_exchange(channel, exchange)
    await _declare(channel, dead, {})
    await _declare(
        channel,
        queue,
        {
            "x-delivery-limit": DELIVERIES_MAX - 1,  # how often it may come back
            "x-dead-letter-exchange": "",  # the one that knows every queue by its name
            "x-dead-letter-routing-key": dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",  # which this strategy demands
        },
    )
    await channel.ask(channel.raw.queue_bind, queue=queue, exchange=exchange, routing_key=key)
    return queue


async def _declare(channel: Channel, queue: str, arguments: dict[str, Any]) -> None:
    arguments = {"x-queue-type": "quorum", **arguments}
    await channel.ask(channel.raw.queue_declare, queue=queue, durable=True, arguments=arguments)
