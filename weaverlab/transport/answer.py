"""What an async caller awaits: a future that wakes its task in the turn of the loop in which the reply came.

An asyncio.Future schedules its task for the loop's next turn, which costs a lone caller as much as a system call on
each end of the way. A task takes anything that behaves like a future (`asyncio.isfuture` says how it knows one), so
this one may call the task's wake-up itself. It may do so only where no task is running, which is why `deliver` is for
the loop's own callbacks, and everything else wakes in the next turn as usual.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Generator
from typing import Any

from weaverlab.errors import ProtocolError
from weaverlab.wire import ReceivedReply
from weaverlab.wire.stream_messages import ReceivedItem


class Answer:
    """The reply to one call, awaited by one task."""

    __slots__ = ("_asyncio_future_blocking", "_context", "_error", "_loop", "_reply", "_wake", "is_done")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_done = False
        self._asyncio_future_blocking = False  # the mark and the handshake of a future: set when awaited
        self._loop = loop
        self._reply: ReceivedReply | None = None
        self._error: BaseException | None = None
        self._wake: Callable[[Answer], object] | None = None
        self._context: contextvars.Context | None = None

    def __await__(self) -> Generator[Answer, None, ReceivedReply]:
        if not self.is_done:
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    # For whoever completes it

    def deliver(self, reply: ReceivedReply) -> None:
        """Complete, and run the awaiting task up to its next wait. Only from a callback of the loop."""
        self.is_done = True
        self._reply = reply
        if self._wake is not None:
            assert self._context is not None
            try:
                self._context.run(self._wake, self)
            except BaseException as error:  # SystemExit: it ends the loop's run, once others have their answers, too
                self._loop.call_soon(_raise, error)

    def deliver_item(self, item: ReceivedItem) -> None:
        """Refuse an item: this is no stream."""
        raise ProtocolError("the peer answered a plain call with an item of a stream")

    def fail(self, error: BaseException) -> None:
        """Complete with an error; the task sees it in the next turn."""
        self.is_done = True
        self._error = error
        if self._wake is not None:
            self._loop.call_soon(self._wake, self, context=self._context)

    # For the task: what it asks of a future

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, wake: Callable[[Answer], object], *, context: contextvars.Context) -> None:
        self._wake = wake
        self._context = context

    def result(self) -> ReceivedReply:
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # else it and its traceback hold each other, and large arguments with them
        assert self._reply is not None
        return self._reply

    def cancel(self, msg: Any = None) -> bool:
        """Complete with CancelledError, as the task is being cancelled. False: it is too late for that."""
        if self.is_done:
            return False
        self.fail(asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg))
        return True


def _raise(error: BaseException) -> None:
    raise error
