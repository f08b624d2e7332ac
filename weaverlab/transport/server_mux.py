"""The server's end of a connection with many calls at once: each call is a task, each reply a frame.

Replies that end in the same turn of the loop leave together; a reply with no other call in flight leaves at once.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from weaverlab.transport.handler import Handler, encode_answer, encode_failure, logger
from weaverlab.transport.stream import Stream
from weaverlab.transport.tls import Connected
from weaverlab.wire import Call, Message, Role
from weaverlab.wire.connection import State
from weaverlab.wire.frames import Pieces, frame_bytes

_new_context = contextvars.Context  # of each call: a task begins with a copy of the context that it is made in


class ServerLink(Stream):
    """One connection of an async caller. Made and used on the loop's thread."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: Connected,
        handler: Handler,
        max_frame_bytes: int,
        on_closed: Callable[[ServerLink], None],
    ) -> None:
        self._handler = handler
        self._max_frame_bytes = max_frame_bytes
        self._on_closed = on_closed
        self._tasks: dict[int, asyncio.Task[None] | None] = {}
        self._is_reading = True
        self._is_in_batch = False  # replies made meanwhile leave together at its end
        self.closed: asyncio.Future[None] = loop.create_future()
        super().__init__(loop, sock, Role.SERVER, max_frame_bytes)

    def begin_drain(self) -> None:
        """Take no more calls; close when those taken are answered."""
        if self.is_open and self.connection.state is State.READY:
            notice = self.connection.goodbye()
            self.write(notice, (), len(notice), True)
            self._close_if_drained()

    def on_messages(self, messages: list[Message]) -> None:
        self._is_in_batch = True
        for message in messages:
            if type(message) is Call:
                # A call that ends without waiting for anything ends in here where tasks can start eagerly; so it is
                # entered before, and its task only if it is still there.
                self._tasks[message.call_id] = None
                task = _new_context().run(_start, self._loop, self._answer(message))
                if message.call_id in self._tasks:
                    self._tasks[message.call_id] = task
            else:
                self._cancel(message.call_id)
        self._is_in_batch = False
        if self._queue:
            self.flush()
        if self.is_congested and self.is_open:
            self._is_reading = False
            self.pause_reading()

    def on_drained(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self.resume_reading()
        self._close_if_drained()

    def on_lost(self, reason: str) -> None:
        """Cancel what the peer no longer waits for."""
        if reason:
            logger.warning("connection of an async caller closed: %s", reason)
        for call_id in list(self._tasks):
            self._cancel(call_id)
        if not self.closed.done():
            self.closed.set_result(None)
        self._on_closed(self)

    async def _answer(self, call: Call) -> None:
        try:
            reply = await self._handler.call_async(call)
            pieces = encode_answer(self._handler, call, reply, self._max_frame_bytes)
        except asyncio.CancelledError as error:
            if call.call_id not in self._tasks:
                return  # the caller wanted it
            pieces = encode_failure(self._handler, call, error)  # the callee cancelled itself; its caller still waits
        except Exception as error:
            pieces = encode_failure(self._handler, call, error)
        if call.call_id in self._tasks:
            del self._tasks[call.call_id]
            self._send(pieces)

    def _send(self, pieces: Pieces) -> None:
        head, rest = self.sharing.place(pieces) if pieces[1] else pieces
        length = frame_bytes(head, rest)
        self.write(head, rest, length, at_once=not self._tasks and not self._is_in_batch)

    def _cancel(self, call_id: int) -> None:
        task = self._tasks.pop(call_id, None)
        if task is not None:
            task.cancel()
        self._close_if_drained()

    def _close_if_drained(self) -> None:
        is_done = not self._tasks and self.bytes_sent == self.bytes_written
        if is_done and self.is_open and self.connection.state is State.DRAINING:
            self.lose("")


if sys.version_info >= (3, 12):

    def _start(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `coroutine` up to its first wait, the rest as a task."""
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

else:

    def _start(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Make a task, which begins in the loop's next turn."""
        return loop.create_task(coroutine)
