"""Consuming a queue: one message after the other, each in the context of its own request, at least once.

    with agent.consume("notifications", "us") as messages:
        for message in messages:            # or: async with, async for
            handle(message)                 # current lineage = the message's; its trace is current too

A message is acknowledged after the body of the loop has finished: when the loop asks for the next one, or when the
`with` block ends normally. If the block ends with an exception the message goes back at once and is delivered
again, here or to another consumer; if the process dies it goes back when its lease runs out, or at once (RabbitMQ).

Between messages, and after the loop, the context is as it was before: one message's lineage never leaks into the
handling of the next. When the deployment stops, the loop ends as if it had been closed. Not in here: the queue
itself (`antipode.queue`) and how it is reached (`embedded`, `rabbitmq`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from weaverlab.antipode import Lineage, context
from weaverlab.antipode.context import Outside
from weaverlab.antipode.queue import Message
from weaverlab.errors import StoppedError
from weaverlab.history import Delivered
from weaverlab.stores.datastore import Subscription
from weaverlab.stores.host import Host
from weaverlab.stores.values import loads

if TYPE_CHECKING:
    from concurrent.futures import Executor

LEASE_S = 30.0  # as long as the default deadline of a call; a shorter one would repeat slow but healthy handlers

R = TypeVar("R")


class AntipodeObject(NamedTuple):
    """A message; `lineage` is that of its writer and the message itself, `version` its position in the queue's log."""

    value: Any
    version: int
    lineage: Lineage


class Consumer:
    """One consumer of one queue in one region; competes with the others there. Iterate it once, in one thread or task.

    `close()` may be called from anywhere: the loop ends after the message that it is handling. Cancelling a task
    that waits for a message closes its consumer.
    """

    def __init__(self, subscription: Subscription, store: str, exchange: str, key: str, host: Host) -> None:
        self._subscription = subscription
        self._queue = (store, exchange, key)
        self._host = host
        self._handling: Message | None = None  # delivered, not acknowledged
        self._outside: tuple[Outside, str] | None = None  # request and trace around the loop, while in a message
        self._is_closed = False
        self._thread: Executor | None = None  # of its own: waiting for a message would fill any shared pool

    def close(self) -> None:
        """End the iteration after the current message, which is acknowledged when the loop asks for the next."""
        self._is_closed = True
        with suppress(StoppedError):
            self._subscription.interrupt()

    def __iter__(self) -> Consumer:
        return self

    def __next__(self) -> AntipodeObject:
        message = self._next(self._leave())
        if message is None:
            raise StopIteration
        return self._enter(message)

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._finish(self._leave(), failed=error is not None)

    def __aiter__(self) -> Consumer:
        return self

    async def __anext__(self) -> AntipodeObject:
        import asyncio

        done = self._leave()
        try:
            message = await self._in_own_thread(self._next, done)
        except asyncio.CancelledError:
            # The thread may get a message that nobody will see: what runs behind it there gives it back.
            self._own_thread().submit(self._subscription.release)
            self.close()
            raise
        if message is None:
            raise StopAsyncIteration
        return self._enter(message)

    async def __aenter__(self) -> Consumer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        done = self._leave()
        await self._in_own_thread(self._finish, done, error is not None)
        self._own_thread().shutdown(wait=False)

    def __repr__(self) -> str:
        store, exchange, key = self._queue
        state = "closed" if self._is_closed else "handling a message" if self._handling else "idle"
        return f"<consumer of {exchange}/{key}, store {store!r}: {state}>"

    def _enter(self, message: Message) -> AntipodeObject:
        """Make the message's request the current one: its lineage, and nothing of what was before."""
        store, exchange, key = self._queue
        value = loads(message.value, f"a message of {exchange}/{key} of store {store}")
        lineage = Lineage.unpack(message.lineage).add(message.dependency)
        self._handling = message
        self._outside = context.enter(lineage), self._host.trace()
        self._host.follow(message.trace.hex())
        self._host.note(Delivered, *self._queue, message.dependency.scope, message.dependency.version)
        return AntipodeObject(value, message.dependency.version, lineage)

    def _leave(self) -> Message | None:
        """Go back to the context around the loop; return the message that was handled."""
        if self._outside is not None:
            request, trace = self._outside
            context.leave(request)
            self._host.follow(trace)
        done, self._handling, self._outside = self._handling, None, None
        return done

    def _next(self, done: Message | None) -> Message | None:
        try:
            return self._subscription.next(done)
        except StoppedError:  # there will be no further message: the loop ends, like the rest of the deployment
            return None

    def _finish(self, done: Message | None, failed: bool) -> None:
        with suppress(StoppedError):
            if done is not None and not failed:
                self._subscription.acknowledge(done)
            self.close()
            self._subscription.release()

    async def _in_own_thread(self, function: Callable[..., R], *args: object) -> R:
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(self._own_thread(), function, *args)

    def _own_thread(self) -> Executor:
        if self._thread is None:
            from concurrent.futures import ThreadPoolExecutor

            self._thread = ThreadPoolExecutor(1, thread_name_prefix="weaverlab-consumer")
        return self._thread
