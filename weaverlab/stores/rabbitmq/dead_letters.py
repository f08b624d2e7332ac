"""Messages that nobody could handle: looked at where they lie, and put back into their queue.

A message becomes a dead letter of its region when it has been delivered DELIVERIES_MAX times and never acknowledged, or
when it is not one that we can read. It stays, in a queue of its own, until it is put back, or deleted with the tools of
RabbitMQ. Runs in a `Loop`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from weaverlab.clock import unique_id
from weaverlab.errors import StoreError
from weaverlab.stores.datastore import DeadLetter
from weaverlab.stores.rabbitmq.broker import Broker
from weaverlab.stores.rabbitmq.faults import NOT_FOUND
from weaverlab.stores.rabbitmq.link import ANSWER_TIMEOUT_S, Channel
from weaverlab.stores.rabbitmq.messages import DELIVERIES_MAX, dead_queue_name, message_of, queue_name
from weaverlab.stores.rabbitmq.publisher import Publisher

_HISTORY = ("x-death", "x-first-death-exchange", "x-first-death-queue", "x-first-death-reason", "x-delivery-count")

LOOK_AGAIN_S = 0.01


class _Found(NamedTuple):
    tag: int
    properties: Any
    body: bytes


async def dead_letters(
    broker: Broker, publisher: Publisher, exchange: str, key: str, region: str
) -> tuple[DeadLetter, ...]:
    """Return what lies there, oldest first; all of it stays where it is."""
    dead = dead_queue_name(queue_name(exchange, key, region))
    async with (await publisher.link()).channel_for() as channel:
        try:
            found = [one async for one in _taken(channel, dead)]
            if found:
                await _put_back(channel, dead, len(found))
        except Exception as error:
            raise broker.translated(error) from error
    return tuple(_described(broker.store, one) for one in found)


async def requeue_dead_letters(broker: Broker, publisher: Publisher, exchange: str, key: str, region: str) -> int:
    """Put all that lie there back into the queue of this region, as if they came new; return how many.

    A failure in between loses none; the one it happens at may be in both queues.
    """
    queue, count = queue_name(exchange, key, region), 0
    async with (await publisher.link()).channel_for() as channel:
        try:
            async for found in _taken(channel, dead_queue_name(queue)):
                headers = found.properties.headers or {}
                found.properties.headers = {name: value for name, value in headers.items() if name not in _HISTORY}
                found.properties.message_id = found.properties.message_id or unique_id(16)
                await publisher.publish("", queue, found.body, found.properties)
                channel.raw.basic_ack(found.tag)
                count += 1
        except Exception as error:
            raise broker.translated(error) from error
    return count


async def _taken(channel: Channel, queue: str) -> AsyncIterator[_Found]:
    """Yield all that a queue holds now; what is not acknowledged goes back when the channel closes."""
    answers: asyncio.Queue[Any] = asyncio.Queue()
    channel.raw.add_callback(lambda _: answers.put_nowait(None), [Basic.GetEmpty])
    channel.lost.add_done_callback(lambda _: answers.put_nowait(None))
    try:
        (declared,) = await channel.ask(channel.raw.queue_declare, queue=queue, passive=True)
        for _ in range(declared.method.message_count):  # and not those that come while we look
            channel.raw.basic_get(queue, lambda *answer: answers.put_nowait(answer))
            answer = await asyncio.wait_for(answers.get(), ANSWER_TIMEOUT_S)
            if channel.lost.done():
                raise channel.lost.result()
            if answer is None:
                return  # somebody else has taken it
            _, method, properties, body = answer
            yield _Found(method.delivery_tag, properties, body)
    except ChannelClosedByBroker as error:
        if error.reply_code != NOT_FOUND:  # nobody has consumed from it ever, so nothing can have died
            raise


async def _put_back(channel: Channel, queue: str, count: int) -> None:
    """Give back what was taken, and wait until it is there: whoever looks or takes next sees all of it."""
    channel.raw.basic_nack(0, multiple=True, requeue=True)
    ends_s = asyncio.get_running_loop().time() + ANSWER_TIMEOUT_S
    while asyncio.get_running_loop().time() < ends_s:
        (declared,) = await channel.ask(channel.raw.queue_declare, queue=queue, passive=True)
        if declared.method.message_count >= count:
            return
        await asyncio.sleep(LOOK_AGAIN_S)


def _described(store: str, found: _Found) -> DeadLetter:
    try:
        message = message_of(store, found.properties.headers, found.body)
    except StoreError as error:
        return DeadLetter(str(error), None, found.body)
    reason = f"it was delivered {DELIVERIES_MAX} times and never acknowledged"
    return DeadLetter(reason, message.dependency, found.body)
