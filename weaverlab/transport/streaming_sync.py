"""The reader's end of a stream that blocks its thread: a connection of its own, from the call to the end.

A stream that is left early takes its connection with it: that reaches the callee at once, and the reader does not wait
for the item that the callee is working on. What errors say about execution is as for calls (`sync_pool`). Not in here:
byte streams (`stream`), repeating what nobody took (`runtime.remote_streams`).
"""

from __future__ import annotations

import contextlib
from collections import deque

from weaverlab.clock import SystemClock
from weaverlab.errors import CallLost, DeadlineExceeded, ProtocolError, Unreachable
from weaverlab.transport.sync_pool import NotTaken, SyncLink, SyncPool
from weaverlab.transport.terms import Terms
from weaverlab.wire import Message, ReceivedReply, encode_value
from weaverlab.wire.frames import Pieces, frame_bytes
from weaverlab.wire.stream_frames import encode_credit, encode_stream_call
from weaverlab.wire.stream_messages import ReceivedItem
from weaverlab.wire.window import ReceiveWindow


def open_sync_stream(pool: SyncPool, method: int, args: object, terms: Terms) -> SyncStream:
    """Make the call; return the stream when its first item, or its end, has come. Raises as `SyncPool.call` does."""
    if terms.wait_s <= 0:
        raise DeadlineExceeded(f"{pool.address}: the call's time had run out before it was sent")
    ends_s = SystemClock.now_s() + terms.wait_s
    call_id = next(pool.call_ids)
    pieces = encode_stream_call(
        call_id, method, terms.timeout_s, terms.trace, terms.lineage, terms.metadata, encode_value(args)
    )
    while True:
        link, is_new = pool.lend(ends_s - SystemClock.now_s())
        stream = SyncStream(pool, link, call_id)
        try:
            stream.begin(pieces, ends_s - SystemClock.now_s(), terms.may_give_up)
            return stream
        except NotTaken as error:
            link.close()
            if is_new:
                raise Unreachable(f"{pool.address}: {error}") from error
            pool.close_idle()  # they are as old as this one, or older
        except BaseException:  # Ctrl-C, too
            link.close()
            raise


class SyncStream:
    """One stream, read by one thread at a time. `close` it, whatever happens."""

    def __init__(self, pool: SyncPool, link: SyncLink, call_id: int) -> None:
        self.request_bytes = 0
        self._pool = pool
        self._link = link
        self._call_id = call_id
        self._window = ReceiveWindow()
        self._items: deque[ReceivedItem] = deque()
        self._has_begun = False
        self._end: ReceivedReply | None = None

    def begin(self, pieces: Pieces, timeout_s: float, may_give_up: bool) -> None:
        """Send the call and wait for the first item, or the end."""
        self.request_bytes = frame_bytes(*pieces)
        self._receive(self._link.send(pieces, timeout_s, is_call=True), may_give_up)

    def receive(self, timeout_s: float) -> ReceivedItem | ReceivedReply:
        """Return the next item, or at last the end, which is not to be asked for twice.

        Raises:
            CallLost: the connection broke, or the peer does not keep to the protocol.
            DeadlineExceeded: nothing came within `timeout_s`.
        """
        if timeout_s <= 0:
            raise DeadlineExceeded(f"{self._pool.address}: the stream's time is over", maybe_executed=True)
        if not self._items and self._end is None:
            self._receive(timeout_s, may_give_up=False)
        if not self._items:
            assert self._end is not None
            return self._end
        taken = self._window.taken()
        if taken and self._end is None:
            with contextlib.suppress(NotTaken):  # what the peer sent before it left can still be received
                self._link.send((encode_credit(self._call_id, taken), ()), timeout_s, is_call=False)
        return self._items.popleft()

    def close(self) -> None:
        """Give the connection back after the end, or else tell the callee by closing it that nobody reads any more."""
        if self._end is not None:
            self._pool.take_back(self._link)
        else:
            self._link.close()

    def _receive(self, timeout_s: float, may_give_up: bool) -> None:
        for message in self._link.receive(timeout_s, may_give_up):
            try:
                self._sort(message)
            except ProtocolError as error:
                raise CallLost(f"{self._pool.address}: {error}", maybe_executed=True) from error

    def _sort(self, message: Message) -> None:
        if self._end is not None:
            self._link.has_ended = True  # a GOODBYE
            return
        if type(message) is ReceivedItem and message.call_id == self._call_id:
            self._window.received(message.number, message.value_bytes)
            self._items.append(message)
            self._has_begun = True
        elif type(message) is ReceivedReply and message.call_id == self._call_id:
            self._end = message
        elif self._has_begun:
            raise ProtocolError("the peer sent something else in the middle of a stream")
        else:
            raise self._link.unexpected(message)
