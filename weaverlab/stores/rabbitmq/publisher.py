"""Publishing with confirms: what is reported as written, RabbitMQ has on disk, in every queue that it belongs to.

All threads of a process share one connection and one channel, so many messages can be on their way at once; the broker
confirms each by its number on the channel. Every error says whether the message may have been published. Runs in a
`Loop`. Not in here: what a message consists of (`messages`).
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from pika import BasicProperties
from pika.exceptions import ChannelWrongStateError
from pika.spec import Basic

from weaverlab.errors import CallLost, DeadlineExceeded, StoreError, Unreachable
from weaverlab.stores.rabbitmq.broker import Broker
from weaverlab.stores.rabbitmq.link import Channel, Link
from weaverlab.stores.rabbitmq.topology import declare_exchange

READY_TIMEOUT_S = 6.0  # until a message can be sent: a little longer than it takes to find out that nobody answers
WRITE_TIMEOUT_S = 10.0  # until it is confirmed, all together: a third of the default deadline of a call
NOT_ROUTED = "no queue is bound for it: a queue exists from the first consume() of its exchange and key in a region on"
NOT_TAKEN = "was refused by a queue, which is full or has lost its servers; another may have it"


class _Sent(NamedTuple):
    message_id: str
    answer: asyncio.Future[None]


class _Confirms:
    """What is on its way on one channel, by number. A message that no queue takes is first returned, then confirmed."""

    def __init__(self) -> None:
        self._last = 0
        self._sent: dict[int, _Sent] = {}
        self._returned: set[str] = set()

    def sent(self, message_id: str, answer: asyncio.Future[None]) -> None:
        self._last += 1
        self._sent[self._last] = _Sent(message_id, answer)

    def returned(self, message_id: str) -> None:
        self._returned.add(message_id)

    def confirmed(self, method: Any) -> None:
        """Settle the message of an Ack or Nack, or all up to it."""
        last = method.delivery_tag
        for number in [n for n in self._sent if n <= last] if method.multiple else [last]:
            self._settle(self._sent.pop(number), is_taken=isinstance(method, Basic.Ack))

    def _settle(self, sent: _Sent, is_taken: bool) -> None:
        is_routed = sent.message_id not in self._returned
        self._returned.discard(sent.message_id)
        if sent.answer.done():
            return  # its writer has given up, and been told so
        if not is_routed:
            sent.answer.set_exception(StoreError(NOT_ROUTED))
        elif not is_taken:
            sent.answer.set_exception(CallLost(NOT_TAKEN, maybe_executed=True))
        else:
            sent.answer.set_result(None)


class Publisher:
    """The publishing channel of a store in this process; opened when needed, and again when lost."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._opening = asyncio.Lock()  # guards the three below while they are made
        self._channel: Channel | None = None
        self._confirms = _Confirms()
        self._declared: set[str] = set()  # exchanges

    async def publish(
        self, exchange: str, key: str, body: bytes, properties: BasicProperties, timeout_s: float = WRITE_TIMEOUT_S
    ) -> None:
        """Return once the broker has confirmed; with exchange "" the message goes to the queue called `key`.

        `properties` need a message id that no other message on its way has.
        """
        loop = asyncio.get_running_loop()
        ends_s, what = loop.time() + timeout_s, f"the message to {exchange}/{key}"
        channel = await self._ready(exchange, min(READY_TIMEOUT_S, timeout_s))
        try:
            channel.raw.basic_publish(exchange, key, body, properties, mandatory=True)
        except ChannelWrongStateError as error:  # it was lost this moment, and nothing has been sent
            raise self._broker.translated(error) from error
        answer = channel.answer()
        self._confirms.sent(properties.message_id, answer)
        try:
            await asyncio.wait_for(answer, ends_s - loop.time())
        except asyncio.TimeoutError as error:
            said = f"store {self._broker.store!r}: RabbitMQ did not confirm {what} in {timeout_s:.3g} s"
            raise DeadlineExceeded(said + _why_blocked(channel), maybe_executed=True) from error
        except StoreError as error:
            raise StoreError(f"store {self._broker.store!r}: {what} was not published: {error}.") from None
        except CallLost as error:
            said = f"store {self._broker.store!r}: {what} {error.args[0]}."
            raise CallLost(said, maybe_executed=True) from None
        except Exception as error:
            raise self._broker.lost(error, what) from error

    async def link(self) -> Link:
        """Return the open connection, for declarations and other requests; raises our errors."""
        return (await self._opened()).link

    async def _ready(self, exchange: str, timeout_s: float) -> Channel:
        """Return the channel once the exchange exists and the broker takes messages. If it raises, nothing was sent."""
        try:
            return await asyncio.wait_for(self._made_ready(exchange), timeout_s)
        except asyncio.TimeoutError as error:
            why = _why_blocked(self._channel) or ": it does not answer"
            said = f"store {self._broker.store!r}: RabbitMQ at {self._broker.endpoint.address} takes no messages"
            raise Unreachable(f"{said}, after {timeout_s:.3g} s{why}") from error

    async def _made_ready(self, exchange: str) -> Channel:
        channel = await self._opened()
        if exchange and exchange not in self._declared:
            try:
                async with channel.link.channel_for() as asking:
                    await declare_exchange(asking, exchange)
            except Exception as error:
                raise self._broker.translated(error) from error
            self._declared.add(exchange)
        await channel.link.unblocked.wait()
        return channel

    async def _opened(self) -> Channel:
        async with self._opening:
            if self._channel is None or not self._channel.is_open:
                try:
                    self._channel, self._confirms = await self._open()
                except Exception as error:
                    raise self._broker.translated(error) from error
                self._declared = set()
            return self._channel

    async def _open(self) -> tuple[Channel, _Confirms]:
        if self._channel is not None:
            self._channel.link.abort()  # only its channel may have been lost
        link, confirms = await self._broker.open(), _Confirms()
        try:
            channel = await link.channel()
            channel.raw.add_on_return_callback(lambda _, __, properties, ___: confirms.returned(properties.message_id))
            await channel.ask(
                channel.raw.confirm_delivery, ack_nack_callback=lambda frame: confirms.confirmed(frame.method)
            )
        except BaseException:
            link.abort()
            raise
        return channel, confirms


def _why_blocked(channel: Channel | None) -> str:
    if channel is None or channel.link.unblocked.is_set():
        return ""
    return ": it has too little memory or disk left (rabbitmqctl status)"
