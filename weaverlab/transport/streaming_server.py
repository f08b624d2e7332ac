"""The callee's end of streams: items go out as long as their reader has room for them.

A sync stream is served by the thread of its connection, which looks at the socket only when the window is full: it then
waits for a CREDIT, or learns that the reader has left. While the window is open, the next `send` tells. An async stream
is a task among the others of its connection. Not in here: byte streams (`stream`), and running the method
(`runtime.dispatch_streams`).
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Sequence
from typing import Protocol

from weaverlab.errors import CannotTravel, ProtocolError
from weaverlab.transport.handler import GRACE_S, Handler, encode_answer, encode_failure, out_of_time
from weaverlab.transport.patience import executed
from weaverlab.transport.sharing import Sharing
from weaverlab.transport.sockets import send_pieces
from weaverlab.transport.tls import Connected
from weaverlab.wire import Message, Reply, encode_value
from weaverlab.wire.frames import Pieces, frame_bytes
from weaverlab.wire.stream_frames import encode_item
from weaverlab.wire.stream_messages import Credit, Item, StreamCall
from weaverlab.wire.values import Buffer
from weaverlab.wire.window import SendWindow


def serve_stream(
    sock: Connected,
    sharing: Sharing,
    receive: Callable[[], list[Message]],
    handler: Handler,
    call: StreamCall,
    max_frame_bytes: int,
) -> None:
    """Send the items of a sync stream and its end, or up to where its reader has left.

    `receive` returns what has come on `sock`, and nothing at the end of the file.

    Raises:
        OSError: the connection broke.
        ProtocolError: the reader sent something else than credits.
    """
    window = SendWindow()
    with contextlib.closing(handler.stream(call)) as answers:
        for answer in answers:
            (head, rest), is_end = encode_next(handler, call, answer, window, max_frame_bytes)
            if rest:
                head, rest = sharing.place((head, rest))
            if rest:
                send_pieces(sock, (head, *rest))
            else:
                sock.sendall(head)
            if is_end:
                return
            while not window.is_open:
                messages = receive()
                if not messages:
                    return
                for message in messages:
                    _take_credit(message, call.call_id, window)


def encode_next(
    handler: Handler, call: StreamCall, answer: Item | Reply, window: SendWindow, max_frame_bytes: int
) -> tuple[Pieces, bool]:
    """Return the frame of an item or of the end, and whether it is the end, as it is if an item cannot travel."""
    if isinstance(answer, Reply):
        return encode_answer(handler, call, answer, max_frame_bytes), True
    try:
        value = encode_value(answer.value)
        number = window.sent(len(value[0]) + sum(buffer.nbytes for buffer in value[1]))
        return encode_item(call.call_id, number, answer.lineage, value, max_frame_bytes), False
    except CannotTravel as error:
        return encode_failure(handler, call, error, answer.lineage), True


class Shared(Protocol):
    """What the streams of a connection need of it."""

    sharing: Sharing

    @property
    def is_congested(self) -> bool: ...
    def write(self, head: bytes, rest: Sequence[Buffer], length: int, at_once: bool) -> None: ...
    def close_if_drained(self) -> None: ...


class AsyncStreams:
    """The async streams on one connection, which they share with calls."""

    def __init__(self, link: Shared, loop: asyncio.AbstractEventLoop, handler: Handler, max_frame_bytes: int) -> None:
        self._link = link
        self._loop = loop
        self._handler = handler
        self._max_frame_bytes = max_frame_bytes
        self.open: dict[int, _AsyncStream] = {}  # by call id

    def take(self, message: Message) -> None:
        """Begin a stream, or take a credit for one. Raises ProtocolError when the credit cannot be."""
        if isinstance(message, StreamCall):
            if message.call_id in self.open:
                raise ProtocolError(f"the peer opened stream {message.call_id} twice")
            stream = self.open[message.call_id] = _AsyncStream(self._loop)
            stream.task = contextvars.Context().run(self._loop.create_task, self._serve(message, stream))
            if message.timeout_s:
                stream.timer = self._loop.call_later(message.timeout_s + GRACE_S, stream.task.cancel)
        elif isinstance(message, Credit) and message.call_id in self.open:  # else it came after the end
            stream = self.open[message.call_id]
            stream.window.credit(message.taken)
            stream.wake()

    def cancel(self, call_id: int) -> None:
        """Close a stream whose reader has left."""
        stream = self._forget(call_id)
        if stream is not None and stream.task is not None:
            stream.task.cancel()

    def wake(self) -> None:
        """Let streams go on that waited for the connection."""
        for stream in self.open.values():
            stream.wake()

    async def _serve(self, call: StreamCall, stream: _AsyncStream) -> None:
        executed.set(call)
        try:
            pieces = await self._send_items(call, stream)
        except asyncio.CancelledError as error:
            call.is_cancelled = True
            # Its reader has left; or its time is over, or the callee cancelled itself, and the reader waits still.
            is_late = stream.timer is not None and stream.timer.when() <= self._loop.time()
            pieces = encode_failure(self._handler, call, out_of_time() if is_late else error)
        except Exception as error:
            pieces = encode_failure(self._handler, call, error)
        if self._forget(call.call_id) is not None:
            self._send(pieces)
            self._link.close_if_drained()

    def _forget(self, call_id: int) -> _AsyncStream | None:
        """Take a stream off the table, and its deadline off the loop: its task may never begin to run."""
        stream = self.open.pop(call_id, None)
        if stream is not None and stream.timer is not None:
            stream.timer.cancel()
        return stream

    async def _send_items(self, call: StreamCall, stream: _AsyncStream) -> Pieces:
        """Send items as long as there is room at the reader and on the connection; return the frame of the end."""
        async with contextlib.aclosing(self._handler.stream_async(call)) as answers:
            async for answer in answers:
                pieces, is_end = encode_next(self._handler, call, answer, stream.window, self._max_frame_bytes)
                if is_end or call.call_id not in self.open:  # its reader has left, and the method took no notice
                    return pieces
                self._send(pieces)
                while not stream.window.is_open or self._link.is_congested:
                    await stream.wait()
        raise AssertionError("a handler must end a stream with a reply")

    def _send(self, pieces: Pieces) -> None:
        pieces = self._link.sharing.place(pieces) if pieces[1] else pieces
        self._link.write(*pieces, frame_bytes(*pieces), False)


class _AsyncStream:
    """One of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.window = SendWindow()
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None  # of its deadline, if it has one
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait until something has changed."""
        self._waiter = self._loop.create_future()
        await self._waiter

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _take_credit(message: Message, call_id: int, window: SendWindow) -> None:
    """Take what a blocking reader may send: credits for this stream, or late ones for the one before it."""
    if not isinstance(message, Credit):
        raise ProtocolError("the reader of a stream may send nothing but credits until its end")
    if message.call_id == call_id:
        window.credit(message.taken)
