"""The server's end of a connection with many calls at once: each call is a task, each reply a frame.

Replies that end in the same turn of the loop leave together; a reply with no other call in flight leaves at once.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from weaverlab.errors import CallLost
from weaverlab.transport.handler import GRACE_S, Handler, encode_answer, encode_failure, logger, out_of_time
from weaverlab.transport.patience import executed
from weaverlab.transport.stream import CALLS_MAX, Stream
from weaverlab.transport.streaming_server import AsyncStreams
from weaverlab.transport.tls import Connected
from weaverlab.wire import Call, Message, Notice, Role
from weaverlab.wire.connection import State
from weaverlab.wire.frames import Pieces, frame_bytes

# Of large arguments whose calls have not ended, on one connection; with more of them, no call is read. (The small ones
# of as many calls as there may be are 64 MiB at most.)
HELD_BYTES_MAX = 256 * 1024 * 1024
LARGE_BYTES_MIN = 64 * 1024
# Of answers that the caller has not read. A slow reader does not stop the calls that run, so their answers may become
# more than that; then they are dropped.
UNREAD_BYTES_MAX = 256 * 1024 * 1024

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
        self._running: dict[int, tuple[asyncio.Task[None] | None, float]] = {}  # by call: its task, its deadline
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = math.inf
        self._streams = AsyncStreams(self, loop, handler, max_frame_bytes)
        self._is_reading = True
        self._is_in_batch = False  # replies made meanwhile leave together at its end
        self.closed: asyncio.Future[None] = loop.create_future()
        super().__init__(loop, sock, Role.SERVER, max_frame_bytes)

    def begin_drain(self) -> None:
        """Take no more calls; close when those taken are answered."""
        if self.is_open and self.connection.state is State.READY:
            notice = self.connection.goodbye()
            self.write(notice, (), len(notice), True)
            self.close_if_drained()

    def on_messages(self, messages: list[Message]) -> None:
        self._is_in_batch = True
        now_s = self._loop.time()
        for message in messages:
            if not self.is_open:  # an answer to one before could not be sent: nobody waits for these
                break
            if type(message) is Call:
                # A call that ends without waiting for anything ends in here where tasks can start eagerly; so it is
                # entered before, and its task only if it is still there.
                ends_s = now_s + message.timeout_s
                self._running[message.call_id] = None, ends_s
                task = _new_context().run(_start, self._loop, self._answer(message))
                if message.call_id in self._running:
                    self._running[message.call_id] = task, ends_s
                    if ends_s < self._timer_s:
                        self._set_timer(ends_s)
            elif type(message) is Notice:
                self._cancel(message.call_id)
            else:
                self._streams.take(message)
        self._is_in_batch = False
        if self._queue:
            self.flush()
        if self._waits_writable or len(self._running) >= CALLS_MAX or self._held_bytes >= HELD_BYTES_MAX:
            self._read_or_not()

    def on_drained(self) -> None:
        if self._line.waiters:
            self._line.let_in(1)
        if not self._is_reading:
            self._read_or_not()
        if self._streams.open:
            self._streams.wake()
        self.close_if_drained()

    def on_lost(self, reason: str) -> None:
        """Cancel what the peer no longer waits for."""
        if reason:
            logger.warning("connection of an async caller closed: %s", reason)
        self._set_timer(math.inf)
        for call_id in [*self._running, *self._streams.open]:
            self._cancel(call_id)
        if not self.closed.done():
            self.closed.set_result(None)
        self._on_closed(self)

    async def _answer(self, call: Call) -> None:
        executed.set(call)
        is_large = call.buffers or len(call.payload) >= LARGE_BYTES_MIN
        if is_large:
            self._held_bytes += call.args_bytes
        try:
            if self._waits_writable:
                await self._wait_read()
            reply = await self._handler.call_async(call)
            pieces = encode_answer(self._handler, call, reply, self._max_frame_bytes)
        except asyncio.CancelledError as error:
            call.is_cancelled = True
            if call.call_id in self._running:  # else the caller wanted it
                # Its time is over, or the callee cancelled itself; its caller still waits.
                is_late = self._running[call.call_id][1] <= self._loop.time()
                pieces = encode_failure(self._handler, call, out_of_time() if is_late else error)
        except Exception as error:
            pieces = encode_failure(self._handler, call, error)
        finally:
            if is_large:
                self._held_bytes -= call.args_bytes
        if call.call_id in self._running:
            del self._running[call.call_id]
            self._send(call, pieces)
        if not self._is_reading:
            self._read_or_not()

    async def _wait_read(self) -> None:
        """Wait until the caller has read the answers that there are: it gets no more of them than it reads."""
        while self.is_congested:
            await self._line.wait()
        self._line.let_in(1)  # the next one looks when this call may have been answered

    def _send(self, call: Call, pieces: Pieces) -> None:
        if self._waits_writable and self.bytes_written - self.bytes_sent > UNREAD_BYTES_MAX:
            reason = f"it was executed, but its answer was dropped: its caller has not read {UNREAD_BYTES_MAX:,} bytes"
            pieces = encode_failure(self._handler, call, CallLost(reason, maybe_executed=True))
        head, rest = self.sharing.place(pieces) if pieces[1] else pieces
        length = frame_bytes(head, rest)
        self.write(head, rest, length, at_once=not self._running and not self._is_in_batch)

    def _cancel(self, call_id: int) -> None:
        task, _ = self._running.pop(call_id, (None, 0.0))
        if task is not None:
            task.cancel()
        self._streams.cancel(call_id)
        self.close_if_drained()

    def _read_or_not(self) -> None:
        """Read no further calls while there are too many already, or too much is not read by their caller."""
        is_full = self.is_congested or len(self._running) >= CALLS_MAX or self._held_bytes >= HELD_BYTES_MAX
        if is_full == self._is_reading and self.is_open:
            self._is_reading = not is_full
            if is_full:
                self.pause_reading()
            else:
                self.resume_reading()

    def _set_timer(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = at_s
        self._timer = None if at_s == math.inf else self._loop.call_at(at_s + GRACE_S, self._on_timer)

    def _on_timer(self) -> None:
        """Cancel the calls whose time is over: their callers mostly have done so, but one may be frozen."""
        late_s = self._loop.time() - GRACE_S
        for task, ends_s in list(self._running.values()):
            if task is not None and ends_s <= late_s:
                task.cancel()
        self._set_timer(min((ends_s for _, ends_s in self._running.values() if ends_s > late_s), default=math.inf))

    def close_if_drained(self) -> None:
        is_done = not self._running and not self._streams.open and self.bytes_sent == self.bytes_written
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
