"""One consumer's place at a queue: one message at a time, acknowledged when it has been handled.

A consumer has a connection of its own. RabbitMQ gives it the next message only when it has acknowledged the last, and
gives an unacknowledged one to somebody else as soon as the connection is gone: because the handler failed, its process
died, or its host no longer answers heartbeats.

                 next             next(done), acknowledge(done)
    (connecting) ----> (handling) ----------------------------> (waiting)
         ^                  |                                       |
         +------------------+---------------------------------------+  the connection is lost, or the lease is over

When the connection is lost while a message is handled, its acknowledgement is lost with it, and the message is
delivered once more; that is logged, with a count. Not in here: how often it may come back (`topology`).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, NamedTuple

from weaverlab.antipode.queue import Message
from weaverlab.errors import StoreError, Unreachable
from weaverlab.stores.rabbitmq.broker import Broker
from weaverlab.stores.rabbitmq.link import Channel
from weaverlab.stores.rabbitmq.messages import message_of
from weaverlab.stores.rabbitmq.topology import declare_queue

PATIENCE_S = 30.0  # with a broker that is away: as long as the default deadline of a call, and enough for a restart
RETRY_S = 0.1  # then twice as long, up to
RETRY_S_MAX = 2.0

logger = logging.getLogger(__name__)


class Delivery(NamedTuple):
    """A message with what is needed to acknowledge it."""

    message: Message
    channel: Channel
    tag: int


class RabbitSubscription:
    """Made for one thread at a time; only `interrupt` may be called from another."""

    def __init__(self, broker: Broker, queue: tuple[str, str, str], lease_s: float) -> None:
        """`queue` is (exchange, key, region)."""
        self._broker = broker
        self._queue = queue
        self._lease_s = lease_s
        self._is_interrupted = False
        self._unacknowledged = 0  # messages that were handled, and will be delivered again all the same
        # What follows is touched in the loop only.
        self._channel: Channel | None = None
        self._arrivals: asyncio.Queue[Delivery | None] = asyncio.Queue()  # None wakes whoever waits
        self._handling: Delivery | None = None
        self._lease: asyncio.TimerHandle | None = None

    def next(self, done: Message | None) -> Message | None:
        return self._broker.loop.run(self._next(done))

    def acknowledge(self, done: Message) -> None:
        self._broker.loop.run(self._acknowledge(done))

    def release(self) -> None:
        self._broker.loop.run(self._close())

    def interrupt(self) -> None:
        self._is_interrupted = True
        self._broker.loop.call(lambda: self._arrivals.put_nowait(None))

    async def _next(self, done: Message | None) -> Message | None:
        if done is not None:
            await self._acknowledge(done)
        while not self._is_interrupted:
            await self._connect()
            if self._is_interrupted:  # and its wake-up went to the queue before this one
                break
            delivery = await self._arrivals.get()
            if delivery is None or not delivery.channel.is_open:
                continue
            self._handling = delivery
            self._lease = asyncio.get_running_loop().call_later(self._lease_s, self._give_up, delivery)
            return delivery.message
        await self._close()  # what arrived meanwhile goes to somebody else
        return None

    async def _acknowledge(self, done: Message) -> None:
        handled, self._handling = self._handling, None
        if self._lease is not None:
            self._lease.cancel()
        if handled is None or handled.message is not done:
            return
        if not handled.channel.is_open:
            self._unacknowledged += 1
            logger.warning(
                "%s was handled, but RabbitMQ was away when it was to learn of it, and will deliver it again: "
                "the connection was lost, or the lease of %g s was over (%d such messages of this consumer)",
                self._named(done), self._lease_s, self._unacknowledged,
            )  # fmt: skip
        else:
            handled.channel.raw.basic_ack(handled.tag)

    async def _close(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.link.close()

    def _give_up(self, delivery: Delivery) -> None:
        """The lease is over: give the message back, to be delivered to whoever has time for it."""
        logger.warning("%s is not handled after %g s: it is given back", self._named(delivery.message), self._lease_s)
        delivery.channel.link.abort()

    async def _connect(self) -> None:
        """Be a consumer of the queue, trying for PATIENCE_S while RabbitMQ does not answer."""
        loop = asyncio.get_running_loop()
        ends_s, pause_s = loop.time() + PATIENCE_S, RETRY_S
        while not self._is_interrupted and (self._channel is None or not self._channel.is_open):
            try:
                self._channel = await self._consume()
            except Exception as error:
                ours = self._broker.translated(error)
                if not isinstance(ours, Unreachable) or loop.time() + pause_s > ends_s:
                    raise ours from error
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, RETRY_S_MAX)

    async def _consume(self) -> Channel:
        link = await self._broker.open()
        try:
            channel = await link.channel()
            queue = await declare_queue(channel, *self._queue)
            await channel.ask(channel.raw.basic_qos, prefetch_count=1)
            arrivals: asyncio.Queue[Delivery | None] = asyncio.Queue()
            self._arrivals = arrivals
            channel.lost.add_done_callback(lambda _: arrivals.put_nowait(None))
            channel.raw.add_on_cancel_callback(lambda _: link.abort())  # somebody deleted the queue
            await channel.ask(
                channel.raw.basic_consume,
                queue=queue,
                on_message_callback=lambda _, method, properties, body: self._arrived(
                    channel, method, properties, body
                ),
            )
        except BaseException:
            link.abort()
            raise
        return channel

    def _arrived(self, channel: Channel, method: Any, properties: Any, body: bytes) -> None:
        try:
            message = message_of(self._broker.store, properties.headers, body)
        except StoreError as error:
            logger.warning("a message of %s is a dead letter now: %s", self._named_queue(), error)
            channel.raw.basic_reject(method.delivery_tag, requeue=False)
            return
        self._arrivals.put_nowait(Delivery(message, channel, method.delivery_tag))

    def _named(self, message: Message) -> str:
        return f"message {message.dependency.scope}:{message.dependency.version} of {self._named_queue()}"

    def _named_queue(self) -> str:
        exchange, key, region = self._queue
        return f"{exchange}/{key} in region {region}, store {self._broker.store!r},"
