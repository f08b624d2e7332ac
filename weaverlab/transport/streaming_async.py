"""The reader's end of a stream that is awaited: one more call on the connection that all calls of a loop share.

It stands in the table of calls where the answer to another call would, so it learns of its end, of a lost connection
and of its deadline as an answer does. Items wait here until they are taken; the window bounds them, so they hold up
nobody else. Not in here: byte streams (`stream`), repeating what nobody took (`runtime.remote_streams`).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

from weaverlab.errors import DeadlineExceeded
from weaverlab.transport.terms import Terms
from weaverlab.wire import ReceivedReply, encode_value
from weaverlab.wire.frames import Pieces, frame_bytes
from weaverlab.wire.stream_frames import encode_credit, encode_stream_call
from weaverlab.wire.stream_messages import ReceivedItem
from weaverlab.wire.window import ReceiveWindow

if TYPE_CHECKING:
    from weaverlab.transport.async_channel import AsyncChannel, AsyncLink


async def open_async_stream(channel: AsyncChannel, method: int, args: object, terms: Terms) -> AsyncStream:
    """Make the call; return the stream when its first item, or its end, has come. Raises as a call does."""
    value, loop = encode_value(args), asyncio.get_running_loop()
    started_s = loop.time()
    link, left_s = await channel.wait_ready(started_s + terms.wait_s)
    call_id = link.last_call_id = link.last_call_id + 1
    timeout_s = terms.timeout_s and terms.timeout_s - (terms.wait_s - left_s)  # without what the wait has taken
    pieces = encode_stream_call(call_id, method, timeout_s, terms.trace, terms.lineage, terms.metadata, value)
    stream = AsyncStream(channel.address, link, call_id)
    try:
        ends_s = started_s + terms.timeout_s if terms.timeout_s else math.inf
        await stream.begin(pieces, ends_s, left_s, terms.may_give_up)
    except BaseException:  # a cancelled task, too
        stream.close()
        raise
    return stream


class AsyncStream:
    """One stream, read by one task at a time. `close` it, whatever happens."""

    def __init__(self, address: str, link: AsyncLink, call_id: int) -> None:
        self.is_done = False  # as `Answer` has it: the end is known
        self.request_bytes = 0
        self._link = link
        self._address = address
        self._call_id = call_id
        self._loop = asyncio.get_running_loop()
        self._window = ReceiveWindow()
        self._items: deque[ReceivedItem] = deque()
        self._end: ReceivedReply | None = None
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None

    # For its reader

    async def begin(self, pieces: Pieces, ends_s: float, wait_s: float, may_give_up: bool) -> None:
        """Send the call and wait for the first item, or the end."""
        self.request_bytes = frame_bytes(*pieces)
        self._link.begin(self._call_id, self, ends_s, *pieces, may_give_up)
        await self._wait(wait_s)
        self._link.note_begun(self._call_id)

    async def receive(self, timeout_s: float) -> ReceivedReply:
        """Return the next item, or at last the end, which is not to be asked for twice.

        Raises:
            CallLost: the connection broke.
            DeadlineExceeded: nothing came within `timeout_s`.
        """
        if not self._items or timeout_s <= 0:
            await self._wait(timeout_s)
        if not self._items:
            assert self._end is not None
            return self._end
        taken = self._window.taken()
        if taken and not self.is_done:
            credit = encode_credit(self._call_id, taken)
            self._link.write(credit, (), len(credit), False)
        return self._items.popleft()

    def close(self) -> None:
        """Tell the callee that nobody reads any more, unless the end has come."""
        self._link.cancel(self._call_id)

    # For its connection

    def deliver_item(self, item: ReceivedItem) -> None:
        """Take what has arrived. Raises ProtocolError when it may not have been sent."""
        self._window.received(item.number, item.value_bytes)
        self._items.append(item)
        self._wake()

    def deliver(self, reply: ReceivedReply) -> None:
        self.is_done = True
        self._end = reply
        self._wake()

    def fail(self, error: BaseException) -> None:
        self.is_done = True
        self._error = error
        self._wake()

    async def _wait(self, timeout_s: float) -> None:
        """Wait until there is something to take; raise what came instead."""
        if timeout_s <= 0:
            raise self._late(timeout_s)
        if not self._items and not self.is_done:
            self._waiter = self._loop.create_future()
            timer = self._loop.call_later(timeout_s, self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
        if self._items:
            return
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # else it and its traceback hold each other, and the reader's large items with them
        if self._end is None:
            raise self._late(timeout_s)

    def _late(self, timeout_s: float) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._address}: no item within {timeout_s:g} s", maybe_executed=True)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
