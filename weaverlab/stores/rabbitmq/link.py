"""One AMQP connection and its channels, as coroutines over pika's callbacks. Runs in a `Loop`.

Everything that waits for the broker ends when the channel does: with the broker's reason. Not in here: what is said on
a channel, and what its errors are called (`faults`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from weaverlab.stores.pool import Endpoint

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0  # of one request, such as a declaration: a quorum queue may have to elect its leader first
CLOSE_TIMEOUT_S = 2.0
DROP_TIMEOUT_S = 1.0  # of closing a socket, which takes a few turns of the loop
HEARTBEAT_S = 20  # a peer that says nothing for twice as long is gone; its messages go to somebody else then


class Link:
    """An open connection. `lost` is done as soon as it is no longer one, and holds the reason."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.unblocked = asyncio.Event()  # cleared while the broker takes no messages: it lacks memory or disk
        self.unblocked.set()
        self._connection: Any = None

    @classmethod
    async def open(cls, endpoint: Endpoint) -> Link:
        """Connect, in CONNECT_TIMEOUT_S at most; raises what pika says."""
        from pika.adapters.asyncio_connection import AsyncioConnection

        link, loop = cls(), asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        link._connection = AsyncioConnection(
            _parameters(endpoint),
            on_open_callback=lambda _: settle(opened, None),
            on_open_error_callback=lambda _, error: _fail(opened, error),
            on_close_callback=lambda _, reason: settle(link.lost, reason),
            custom_ioloop=loop,
        )
        try:
            await opened
        except asyncio.CancelledError:
            link.abort()
            raise
        link._connection.add_on_connection_blocked_callback(lambda *_: link.unblocked.clear())
        link._connection.add_on_connection_unblocked_callback(lambda *_: link.unblocked.set())
        return link

    async def channel(self) -> Channel:
        channel = Channel(self)
        opened = channel.answer()
        channel.open_on(self._connection, opened)
        await channel.answered(opened)
        return channel

    @contextlib.asynccontextmanager
    async def channel_for(self) -> AsyncIterator[Channel]:
        """A channel for a few requests, so that one that the broker refuses ends no other."""
        channel = await self.channel()
        try:
            yield channel
        finally:
            channel.close()

    async def close(self) -> None:
        """Say goodbye: what was sent before is executed, and what was not acknowledged goes back to its queue."""
        self.abort()
        await asyncio.wait([self.lost], timeout=CLOSE_TIMEOUT_S)
        if not self.lost.done():  # pika waits for the broker's goodbye, and has no public way to go without
            self._connection._adapter_disconnect_stream()
            await asyncio.wait([self.lost], timeout=DROP_TIMEOUT_S)

    def abort(self) -> None:
        """Begin to close, without waiting for the broker's answer."""
        if not (self._connection.is_closing or self._connection.is_closed):
            self._connection.close()


class Channel:
    """One channel of a link. `lost` is done as soon as it is closed, by whomever, and holds the reason."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.lost: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.raw: Any = None  # pika's channel
        self._asked: set[asyncio.Future[Any]] = set()

    def open_on(self, connection: Any, opened: asyncio.Future[Any]) -> None:
        self.raw = connection.channel(on_open_callback=lambda raw: settle(opened, raw))
        self.raw.add_on_close_callback(lambda _, reason: self._close(reason))

    @property
    def is_open(self) -> bool:
        return bool(self.raw.is_open)

    async def ask(self, method: Callable[..., object], **arguments: Any) -> Any:
        """Call a method of pika's channel and return the broker's answer."""
        asked = self.answer()
        method(callback=lambda *answer: settle(asked, answer), **arguments)
        return await self.answered(asked)

    def answer(self) -> asyncio.Future[Any]:
        """Return a future that fails when the channel is closed first."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.add(future)
        future.add_done_callback(self._asked.discard)
        return future

    async def answered(self, future: asyncio.Future[Any]) -> Any:
        return await asyncio.wait_for(future, ANSWER_TIMEOUT_S)

    def close(self) -> None:
        if self.is_open:
            self.raw.close()

    def _close(self, reason: BaseException) -> None:
        settle(self.lost, reason)
        for future in list(self._asked):
            _fail(future, reason)


def _parameters(endpoint: Endpoint) -> Any:
    import pika

    _silence_pika()
    return pika.ConnectionParameters(
        host=endpoint.host,
        port=endpoint.port,
        virtual_host=endpoint.database,
        credentials=pika.PlainCredentials(endpoint.user, endpoint.password),
        heartbeat=HEARTBEAT_S,
        connection_attempts=1,
        socket_timeout=CONNECT_TIMEOUT_S,
        stack_timeout=CONNECT_TIMEOUT_S,
        ssl_options=_tls(endpoint),
        client_properties={"connection_name": "weaverlab"},
    )


def _tls(endpoint: Endpoint) -> Any:
    import pika

    if not endpoint.tls:
        return None
    authorities = endpoint.tls if isinstance(endpoint.tls, str) else None
    return pika.SSLOptions(ssl.create_default_context(cafile=authorities), endpoint.host)


def _silence_pika() -> None:
    """Let pika log nothing, unless somebody chose a level for it: each of its errors becomes one of ours."""
    logger = logging.getLogger("pika")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)


def settle(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
