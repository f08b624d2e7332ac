"""Calls that are awaited: one connection per loop and address carries any number at once. The path of async methods.

A call is an entry in a table and a frame in the socket. No task is made for it, and no timer: one timer per
connection stands at the earliest deadline, and looks through the table when it fires, which with the default of
30 s is seldom. A frame counts as sent when its last byte has been accepted; before that, it cannot be executed.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Sequence
from typing import Any

from weaverlab.clock import secret_bytes
from weaverlab.errors import AuthenticationError, CallLost, DeadlineExceeded, ProtocolError, StoppedError, Unreachable
from weaverlab.transport.address import unix_path
from weaverlab.transport.answer import Answer
from weaverlab.transport.hangups import of_this_thread
from weaverlab.transport.patience import GIVEN_UP
from weaverlab.transport.sockets import HANDSHAKE_TIMEOUT_S, prepare, socket_to, unreachable
from weaverlab.transport.stream import CALLS_MAX, QUEUED_BYTES_MAX, Stream
from weaverlab.transport.streaming_async import AsyncStream
from weaverlab.transport.tls import Connected, PeerTls, explained
from weaverlab.wire import (
    MAX_FRAME_BYTES,
    ClientHandshake,
    Kind,
    Message,
    Mode,
    ReceivedReply,
    Role,
    encode_call,
    encode_notice,
)
from weaverlab.wire.connection import State
from weaverlab.wire.frames import frame_bytes
from weaverlab.wire.handshake import MESSAGE_BYTES, NONCE_BYTES
from weaverlab.wire.stream_messages import ReceivedItem
from weaverlab.wire.values import Buffer

CONNECT_RETRY_S = 0.005  # a full backlog is no event that a loop could wait for


class AsyncChannel:
    """The way from the running loop to one address. It connects when first used, and again after a loss."""

    def __init__(
        self, address: str, secret: bytes, *, tls: PeerTls | None = None, max_frame_bytes: int = MAX_FRAME_BYTES
    ) -> None:
        self.address = address
        self._secret = secret
        self._tls = tls
        self._max_frame_bytes = max_frame_bytes
        self._loop = asyncio.get_running_loop()
        of_this_thread.watch.will_wake(self._loop)
        self._link: AsyncLink | None = None
        self._connecting: asyncio.Task[AsyncLink] | None = None
        self._is_closed = False
        self.is_given_up = False  # changed by `give_up`

    def __repr__(self) -> str:
        in_flight = len(self._link.calls) if self._link else 0
        return f"AsyncChannel({self.address!r}, in_flight={in_flight}{', closed' if self._is_closed else ''})"

    async def call(
        self,
        method: int,
        args: object,
        timeout_s: float,
        trace: bytes = b"",
        lineage: bytes = b"",
        metadata: bytes = b"",
        may_give_up: bool = False,
    ) -> ReceivedReply:
        """Send one call and await its reply. Cancelling the awaiting task cancels the callee.

        Once the peer is given up, a call that has not been sent is Unreachable, and with `may_give_up` one that has
        been is lost.
        Arrays and large `bytes` are sent from where they are: do not change them before the reply is here.
        Raises what `SyncPool.call` does, and asyncio.CancelledError.
        """
        loop = self._loop
        ends_s = loop.time() + timeout_s
        link = self._link
        if (
            link is None
            or link.connection.state is not State.READY
            or link.is_full
            or timeout_s <= 0
            or self.is_given_up
        ):
            link, timeout_s = await self.wait_ready(ends_s)
        call_id = link.last_call_id = link.last_call_id + 1
        # Only now, so that calls that wait for room take none.
        head, rest = encode_call(call_id, method, timeout_s, trace, lineage, metadata, args, self._max_frame_bytes)
        answer = Answer(loop)
        link.begin(call_id, answer, ends_s, head, rest, may_give_up)
        request_bytes = frame_bytes(head, rest)
        del head, rest  # sent, or in the link's queue: a thousand calls that wait need not hold theirs as well
        try:
            reply: ReceivedReply = await answer
        except asyncio.CancelledError:
            link.cancel(call_id)
            raise
        reply.request_bytes = request_bytes
        return reply

    def close(self) -> None:
        """Close the connection; calls in flight fail, later ones raise StoppedError.

        On the loop's thread, or on any once the loop has been closed, as it is after every `asyncio.run`.
        """
        self._is_closed = True
        if not self._loop.is_closed():
            self._stop_connecting()
        if self._link is not None:
            self._link.lose("this channel was closed")

    def give_up(self, is_given_up: bool) -> None:
        """Wait for this peer no longer, since others answer; or take that back. On the loop's thread."""
        self.is_given_up = is_given_up
        if is_given_up:
            self._stop_connecting()
            if self._link is not None:
                self._link.give_up()

    def close_when_idle(self) -> None:
        """Close the connection when no call is in flight on it, now or later. On the loop's thread."""
        if self._link is not None:
            self._link.close_when_idle()

    async def wait_ready(self, ends_s: float) -> tuple[AsyncLink, float]:
        """Return a link that takes calls, and the seconds that are left until `ends_s`: more than 0.

        Raises:
            DeadlineExceeded: there was none in time.
            Unreachable: connecting failed, or the peer was given up.
            StoppedError: the channel was closed.
        """
        while True:
            if self._is_closed:
                raise StoppedError(f"{self.address}: this channel is closed.")
            if self.is_given_up:
                raise Unreachable(f"{self.address}: {GIVEN_UP}")
            left_s = ends_s - self._loop.time()
            link = self._link
            if left_s <= 0:
                because = f", as {link.load}" if link is not None and link.is_full else ""
                raise DeadlineExceeded(f"{self.address}: the call's time ran out before it could be sent{because}")
            if link is None or link.connection.state is not State.READY:
                await self._wait_connected(left_s)
            elif link.is_full:
                await link.wait_room(left_s)
            else:
                return link, left_s

    async def _wait_connected(self, timeout_s: float) -> None:
        """Wait for the attempt to connect, which is made now if there is none; raise what it raised."""
        connecting = self._begin_connect()
        await asyncio.wait((connecting,), timeout=timeout_s)
        if connecting.done() and not connecting.cancelled():
            connecting.result()

    def _stop_connecting(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()  # who waits for it looks at what has happened

    def _begin_connect(self) -> asyncio.Task[AsyncLink]:
        """Return the attempt to connect that all waiting calls share; a cancelled call does not end it."""
        if self._connecting is None or self._connecting.done():
            self._connecting = self._loop.create_task(self._connect())
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())  # seen, if by nobody
        return self._connecting

    async def _connect(self) -> AsyncLink:
        sock = socket_to(self.address)
        try:
            sock.setblocking(False)
            prepare(sock)
            connected = await asyncio.wait_for(self._shake_hands(sock), HANDSHAKE_TIMEOUT_S)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            sock.close()
            raise unreachable(self.address, error) from error
        except (AuthenticationError, ProtocolError) as error:
            sock.close()
            raise type(error)(f"{self.address}: {error}") from None
        except BaseException:
            sock.close()
            raise
        self._link = AsyncLink(self._loop, connected, self.address, self._max_frame_bytes)
        return self._link

    async def _shake_hands(self, sock: socket.socket) -> Connected:
        while True:
            try:
                sock.connect(unix_path(self.address))
                break
            except BlockingIOError:
                await asyncio.sleep(CONNECT_RETRY_S)
        # The loop asks no more of a socket than a TlsSocket has. The two ends take turns, so TLS holds nothing back.
        connected: Any = sock if self._tls is None else await self._tls.connect_async(sock)
        handshake = ClientHandshake(self._secret, Mode.MUX, secret_bytes(NONCE_BYTES))
        with explained():
            await self._loop.sock_sendall(connected, handshake.hello)
            while not handshake.is_done:
                message = b""
                while len(message) < MESSAGE_BYTES:
                    chunk = await self._loop.sock_recv(connected, MESSAGE_BYTES - len(message))
                    if not chunk:
                        raise EOFError("the peer closed the connection during the handshake")
                    message += chunk
                await self._loop.sock_sendall(connected, handshake.receive(message))
        return connected  # type: ignore[no-any-return]


class AsyncLink(Stream):
    """One connection and the calls in flight on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: Connected, address: str, max_frame_bytes: int) -> None:
        super().__init__(loop, sock, Role.CLIENT, max_frame_bytes)
        self.last_call_id = 0
        # call id -> answer, deadline, the count of bytes at which its frame has left, and whether it may be given up
        self.calls: dict[int, tuple[Answer | AsyncStream, float, int, bool]] = {}
        self._begun: set[int] = set()  # of these, the streams whose reader has seen items
        self._is_ending = False
        self._address = address
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = math.inf

    @property
    def is_full(self) -> bool:
        """Whether another call has to wait: too many are in flight, or too much of them has not been sent."""
        return self._in_flight >= CALLS_MAX or self.bytes_written - self.bytes_sent > QUEUED_BYTES_MAX

    @property
    def _in_flight(self) -> int:
        return len(self.calls) - len(self._begun)

    @property
    def load(self) -> str:
        """What is in flight, in words."""
        queued = self.bytes_written - self.bytes_sent
        return f"{self._in_flight:,} calls are in flight, and the callee has yet to take {queued:,} bytes of them"

    def begin(
        self,
        call_id: int,
        answer: Answer | AsyncStream,
        ends_s: float,
        head: bytes,
        rest: Sequence[Buffer],
        may_give_up: bool,
    ) -> None:
        """Enter a call and send it: at once when it is the only one, else with the others of this turn."""
        calls = self.calls
        is_alone = not calls
        if rest:
            head, rest = self.sharing.place((head, rest))
        length = frame_bytes(head, rest)
        calls[call_id] = (answer, ends_s, self.bytes_written + length, may_give_up)
        if ends_s < self._timer_s:
            self._set_timer(ends_s)
        self.write(head, rest, length, is_alone)

    def cancel(self, call_id: int) -> None:
        """Forget a call and tell the callee; its late reply will be ignored."""
        if self._forget(call_id) is not None and self.is_open:
            notice = encode_notice(Kind.CANCEL, call_id)
            self.write(notice, (), len(notice), False)
            self._line.let_in(1)
            self._close_if_drained()

    def give_up(self) -> None:
        """Lose the calls that may be given up, and send those that wait elsewhere."""
        for call_id in [call_id for call_id, (_, _, _, may_give_up) in self.calls.items() if may_give_up]:
            answer = self.calls[call_id][0]
            if not answer.is_done:
                answer.fail(CallLost(f"{self._address}: {GIVEN_UP}", maybe_executed=True))
            self.cancel(call_id)
        self._line.let_in(len(self._line.waiters))  # to look for another way

    def note_begun(self, call_id: int) -> None:
        """Take note that the reader of a stream has seen items.

        It is kept whatever happens to its peer, since no other can take its place. And it no longer counts as a call
        in flight: it may stay for hours, and a thousand of them are no reason to send no calls.
        """
        if call_id in self.calls:
            self.calls[call_id] = (*self.calls[call_id][:3], False)
            self._begun.add(call_id)
            self._line.let_in(1)

    def close_when_idle(self) -> None:
        """Close when the calls in flight are answered."""
        self._is_ending = True
        self._close_if_drained()

    async def wait_room(self, timeout_s: float) -> None:
        """Wait until there may be room for one more call, the peer is gone or given up, or `timeout_s` has passed."""
        try:
            await self._line.wait(timeout_s)
        finally:
            if not self.is_full:  # perhaps for the next one too, which looks after our call has been entered
                self._line.let_in(1)

    def on_messages(self, messages: list[Message]) -> None:
        calls = self.calls
        for message in messages:
            if type(message) is ReceivedReply:
                call = calls.pop(message.call_id, None)
                if self._begun:
                    self._begun.discard(message.call_id)
                if call is not None and not call[0].is_done:
                    call[0].deliver(message)
            elif type(message) is ReceivedItem:
                call = calls.get(message.call_id)
                if call is not None:  # else its reader has left
                    call[0].deliver_item(message)
            else:
                self._refuse_after(message.call_id)
        if self._line.waiters:
            self._line.let_in(len(messages))
        if self._is_ending or self.connection.state is not State.READY:
            self._close_if_drained()

    def on_drained(self) -> None:
        if self._line.waiters:
            self._line.let_in(1)

    def on_refused(self, reason: str) -> None:
        # Its last answers, or a GOODBYE that says which calls it has not executed, may have come already.
        self._loop.call_soon(self.read_to_end, reason)

    def on_lost(self, reason: str) -> None:
        reason = reason or "the peer closed the connection"
        self._set_timer(math.inf)
        in_doubt = 0 if self._encrypted is None else self._encrypted.bytes_in_doubt
        for call_id in list(self.calls):
            end = self.calls[call_id][2]
            was_sent = end <= self.bytes_sent or end < self.bytes_sent + in_doubt
            kind = CallLost if was_sent else Unreachable
            self._fail(call_id, kind(f"{self._address}: {reason}", maybe_executed=was_sent))
        self._line.let_in(len(self._line.waiters))

    def _refuse_after(self, last_call_id: int) -> None:
        """The peer said GOODBYE: calls after this one crossed it and will not be executed."""
        for call_id in list(self.calls):
            if call_id > last_call_id:
                self._fail(call_id, Unreachable(f"{self._address}: the peer is stopping"))

    def _close_if_drained(self) -> None:
        if not self.calls and (self._is_ending or self.connection.state is State.DRAINING):
            self.lose("the peer is stopping")

    def _fail(self, call_id: int, error: Exception) -> None:
        call = self._forget(call_id)
        if call is not None and not call[0].is_done:
            call[0].fail(error)

    def _forget(self, call_id: int) -> tuple[Answer | AsyncStream, float, int, bool] | None:
        self._begun.discard(call_id)
        return self.calls.pop(call_id, None)

    def _set_timer(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_s = at_s
        self._timer = None if at_s == math.inf else self._loop.call_at(at_s, self._on_timer)

    def _on_timer(self) -> None:
        now_s = self._loop.time()
        late = [call_id for call_id, (_, ends_s, _, _) in self.calls.items() if ends_s <= now_s]
        for call_id in late:
            answer = self.calls[call_id][0]
            if not answer.is_done:  # even if nothing has left yet: what is queued will, should the peer go on
                reason = f"{self._address}: no answer in time; {self.load}"
                answer.fail(DeadlineExceeded(reason, maybe_executed=True))
            self.cancel(call_id)
        self._set_timer(min((ends_s for _, ends_s, _, _ in self.calls.values()), default=math.inf))
