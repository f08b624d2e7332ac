"""The called side of a stream: run the method's generator in a context of its own, and hand out what it yields.

The transport asks for the next item only when there is room for it. When the reader has left, it closes what is handed
out here, and so the method's generator is closed; one that blocks then is ended as blocking calls are. Not in here:
calls with one answer (`dispatch`), frames and flow control (`transport.streaming_server`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextvars import Context
from typing import Any

from weaverlab.antipode import Lineage
from weaverlab.antipode import context as lineage_context
from weaverlab.clock import Clock
from weaverlab.runtime import context
from weaverlab.runtime.dispatch import Dispatcher, HostedMethod, missing
from weaverlab.runtime.recorder import Recorder
from weaverlab.transport import Reply
from weaverlab.transport.hangups import of_this_thread
from weaverlab.wire.stream_messages import Item, StreamCall

logger = logging.getLogger("weaverlab.runtime")

_NO_LINEAGE = Lineage.empty()
_NEVER_S = 1e18  # as a deadline; infinity would say that nothing runs


class StreamDispatcher(Dispatcher):
    """A dispatcher that executes streams, too."""

    def __init__(
        self, methods: list[HostedMethod | None], clock: Clock, recorder: Recorder, call_timeout_s: float
    ) -> None:
        super().__init__(methods, clock, recorder)
        self._call_timeout_s = call_timeout_s

    def stream(self, call: StreamCall) -> Generator[Item | Reply, None, None]:
        """Yield each item of a sync stream, and then its end."""
        inside, known = Context(), _NO_LINEAGE  # what its reader knows of the body's lineage
        items: Iterator[Any] = iter(())
        run, watch = inside.run, of_this_thread.watch
        ends_s = self._now_s() + call.timeout_s if call.timeout_s else _NEVER_S
        self.load += 1
        try:
            known = run(self._begin, call)
            items = run(self._items, call)
            while True:
                try:
                    value = run(watch.run, ends_s, next, (items,))
                except StopIteration as ended:
                    end = run(self._ended, call, known, ended.value)
                    break
                before, known = known, run(lineage_context.current)
                try:
                    yield Item(_gained(before, known), value)
                except GeneratorExit:  # the reader has left
                    run(self._left, call, items)
                    raise
        except GeneratorExit:
            raise
        except BaseException as error:  # SystemExit too: a method does not end the process it runs in
            run(self._close, call, items)  # cancelled between two items, its body has not ended
            end = run(self._failed, call, known, error)
        finally:
            self.load -= 1
        yield end

    async def stream_async(self, call: StreamCall) -> AsyncGenerator[Item | Reply, None]:
        """The same for an async stream. It is read by one task, which has an empty context of its own."""
        known, items = _NO_LINEAGE, None
        self.load += 1
        try:
            known = self._begin(call)
            items = await self._items_async(call)
            while True:
                try:
                    value = await items.__anext__()
                except StopAsyncIteration:
                    end = self._ended(call, known, None)
                    break
                before, known = known, lineage_context.current()
                try:
                    yield Item(_gained(before, known), value)
                except GeneratorExit:
                    await self._left_async(call, items)
                    raise
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:
            await self._close_async(call, items)
            end = self._failed(call, known, error)
        finally:
            self.load -= 1
        yield end

    def _begin(self, call: StreamCall) -> Lineage:
        """Set what came with the call, in a context that has nothing; return its lineage."""
        method = self._methods.get(call.method) or missing(call)
        if call.timeout_s:
            context.deadline.set(self._now_s() + call.timeout_s)
        return self._enter(call, method)

    def _items(self, call: StreamCall) -> Iterator[Any]:
        method = self._methods[call.method]
        function = method.function or method.wait_open(call.timeout_s or self._call_timeout_s)
        return iter(function(*call.args()))

    async def _items_async(self, call: StreamCall) -> AsyncIterator[Any]:
        method = self._methods[call.method]
        function = method.function or await method.wait_open_async(call.timeout_s or self._call_timeout_s)
        return aiter(function(*call.args()))

    def _ended(self, call: StreamCall, known: Lineage, value: object) -> Reply:
        if call.trace:
            self._finished(self._methods[call.method], "")
        return Reply(True, _gained(known, lineage_context.current()), value)

    def _left(self, call: StreamCall, items: Iterator[Any]) -> None:
        """End a stream whose reader has left."""
        self._close(call, items)
        if call.trace:
            self._finished(self._methods[call.method], "")

    def _close(self, call: StreamCall, items: Iterator[Any]) -> None:
        """Close the method's generator. What it raises then has nobody to go to."""
        try:
            getattr(items, "close", _nothing)()
        except Exception:
            self._log_late(call)

    async def _left_async(self, call: StreamCall, items: AsyncIterator[Any]) -> None:
        await self._close_async(call, items)
        if call.trace:
            self._finished(self._methods[call.method], "")

    async def _close_async(self, call: StreamCall, items: AsyncIterator[Any] | None) -> None:
        try:
            await getattr(items, "aclose", _nothing_async)()
        except Exception:
            self._log_late(call)

    def _log_late(self, call: StreamCall) -> None:
        method = self._methods[call.method]
        logger.exception("%s.%s raised when its reader had left", method.identity.component, method.name)


def _gained(before: Lineage, now: Lineage) -> bytes:
    return b"" if now is before else now.added_since(before).pack()


def _nothing() -> None:
    """Close an iterator that needs no closing."""


async def _nothing_async() -> None:
    """Close an async iterator that needs no closing."""
