"""Calls that block their thread: a pool of connections, one call in flight on each. The path of sync methods.

No event loop, future or second thread takes part: a call is one `send` and one `recv`. What an error says about
execution follows from one fact: a peer cannot execute a frame of which it lacks the end.

    broke when                                        the call is
    -------------------------------------------------  --------------------------------------
    connecting; sending (the last byte not accepted)  not executed: another connection is tried
    waiting, and the peer said GOODBYE                not executed: another connection is tried
    waiting, anything else                            CallLost or DeadlineExceeded, maybe executed

So a pool outlives a restart of the peer: the sockets it holds refuse the first byte, and a new one is opened.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import weakref

from weaverlab.clock import SystemClock
from weaverlab.errors import CallLost, DeadlineExceeded, ProtocolError, StoppedError, Unreachable
from weaverlab.transport.patience import ATTENTION_S, GIVEN_UP, GivenUp, Patience, one_sleep_s
from weaverlab.transport.sharing import Sharing
from weaverlab.transport.sockets import IOVEC_MAX, connect, drop_sent, set_kernel_timeout
from weaverlab.transport.tls import Connected, PeerTls
from weaverlab.transport.turns import turns
from weaverlab.wire import (
    MAX_FRAME_BYTES,
    FrameReader,
    Kind,
    Message,
    Mode,
    Notice,
    ReceivedReply,
    encode_call,
)
from weaverlab.wire.frames import Pieces, frame_bytes
from weaverlab.wire.values import Buffer

IDLE_MAX = 128  # connections kept for the next call; each holds a thread of the peer, so not without end

# Deadlines differ by microseconds from call to call, and setting a socket's timeout costs as much as a small send.
# A timeout that is set stays as long as it is right to within this factor, and is never too short.
TIMEOUT_SLACK = 1.01

WAIT_ALL = socket.MSG_WAITALL  # one wake-up for the whole of a large buffer instead of one per 200 KiB


class NotTaken(Exception):
    """The connection had ended, or ended, before the peer could have executed the call."""


class SyncPool:
    """Blocking connections to one address. Use it from any number of threads; after a fork it starts empty."""

    def __init__(
        self, address: str, secret: bytes, *, tls: PeerTls | None = None, max_frame_bytes: int = MAX_FRAME_BYTES
    ) -> None:
        self.address = address
        self._secret = secret
        self._tls = tls
        self._max_frame_bytes = max_frame_bytes
        self._idle: list[SyncLink] = []  # last in, first out: the one whose memory is warm. append and pop are atomic
        self.call_ids = itertools.count(1)
        self._idle_max = IDLE_MAX
        self._is_closed = False
        self.is_given_up = False  # set from outside: other peers answer and this one does not
        _pools.add(self)

    def __repr__(self) -> str:
        return f"SyncPool({self.address!r}, idle={len(self._idle)}{', closed' if self._is_closed else ''})"

    def call(
        self,
        method: int,
        args: object,
        timeout_s: float,
        trace: bytes = b"",
        lineage: bytes = b"",
        metadata: bytes = b"",
        may_give_up: bool = False,
    ) -> ReceivedReply:
        """Send one call and wait for its reply, whose `value` is unpickled when it is read.

        Soon after `is_given_up` has been set, a call that has not been sent is Unreachable, and with `may_give_up`
        one that has been is lost.

        Raises:
            CannotTravel: `args` cannot be pickled or are too large. Nothing was sent.
            Unreachable: nobody took the call. It was not executed.
            CallLost: the connection broke while waiting. It may have been executed.
            DeadlineExceeded: at `timeout_s` (up to 1 % late); says whether it may have been executed.
            AuthenticationError, ProtocolError: the peer is not of this deployment, or not of this version.
        """
        if timeout_s <= 0:
            raise DeadlineExceeded(f"{self.address}: the call's time had run out before it was sent")
        if self.is_given_up:
            raise Unreachable(f"{self.address}: {GIVEN_UP}")
        call_id = next(self.call_ids)
        pieces = encode_call(call_id, method, timeout_s, trace, lineage, metadata, args, self._max_frame_bytes)
        try:
            link = self._idle.pop()
        except IndexError:
            return self._call_on_new_link(call_id, pieces, timeout_s, may_give_up)
        started_s = SystemClock.now_s()
        try:
            reply = link.exchange(call_id, pieces, timeout_s, may_give_up)
        except NotTaken:
            link.close()
            self.close_idle()  # they are as old as this one, or older
            left_s = timeout_s - (SystemClock.now_s() - started_s)
            return self._call_on_new_link(call_id, pieces, left_s, may_give_up)
        except BaseException:  # KeyboardInterrupt too: the reply may still come, and must not meet the next call
            link.close()
            raise
        if link.has_ended:
            link.close()
            return reply
        idle = self._idle
        idle.append(link)
        if len(idle) > self._idle_max:  # asked after the append, so that no close() can miss this connection
            self._close_surplus()
        return reply

    def close(self) -> None:
        """Close all connections; calls in flight end, later ones raise StoppedError."""
        self._is_closed = True
        self.close_when_idle()

    def close_when_idle(self) -> None:
        """Close every connection as soon as no call uses it; for a peer that nobody is to call any more."""
        self._idle_max = 0
        self.close_idle()

    def close_idle(self) -> None:
        """Close the connections that no call uses now."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def lend(self, timeout_s: float) -> tuple[SyncLink, bool]:
        """Return a connection for one stream, and whether it is new. It is given back with `take_back`, or closed."""
        if self.is_given_up:
            raise Unreachable(f"{self.address}: {GIVEN_UP}")
        try:
            return self._idle.pop(), False
        except IndexError:
            return self._connect(timeout_s), True

    def take_back(self, link: SyncLink) -> None:
        """Keep a connection for the next call, as far as there is use for it."""
        if link.has_ended:
            link.close()
            return
        self._idle.append(link)
        self._close_surplus()

    def _connect(self, timeout_s: float) -> SyncLink:
        if self._is_closed:
            raise StoppedError(f"{self.address}: this pool of connections is closed.")
        sock = connect(self.address, self._secret, Mode.SYNC, timeout_s, lambda: self.is_given_up, self._tls)
        return SyncLink(sock, self, self._max_frame_bytes)

    def _call_on_new_link(self, call_id: int, pieces: Pieces, timeout_s: float, may_give_up: bool) -> ReceivedReply:
        started_s = SystemClock.now_s()
        link = self._connect(timeout_s)
        try:
            reply = link.exchange(call_id, pieces, timeout_s - (SystemClock.now_s() - started_s), may_give_up)
        except NotTaken as error:
            link.close()
            raise Unreachable(f"{self.address}: {error}") from error
        except BaseException:
            link.close()
            raise
        self.take_back(link)
        return reply

    def _close_surplus(self) -> None:
        """Close the idle connections beyond those that are kept."""
        while len(self._idle) > self._idle_max:
            try:
                self._idle.pop().close()
            except IndexError:  # another thread took the last one
                return


class SyncLink:
    """One connection, used by one call or stream at a time."""

    __slots__ = (
        "_address",
        "_is_open",
        "_pool",
        "_reader",
        "_received",
        "_recv_into",
        "_send",
        "_sharing",
        "_sock",
        "_timeout_s",
        "has_ended",
    )

    def __init__(self, sock: Connected, pool: SyncPool, max_frame_bytes: int) -> None:
        self._sock = sock
        self._pool = pool
        self._address = pool.address
        self._sharing = Sharing(sock)
        self._reader = FrameReader(max_frame_bytes, shared_memory=self._sharing)
        self._timeout_s = 0.0  # as set in the kernel
        self._is_open = True
        self.has_ended = False  # the peer has said more than an answer, mostly GOODBYE: it takes no more calls
        turns.opened()
        # Looked up once, since all three are used for every call.
        self._send, self._recv_into, self._received = sock.send, sock.recv_into, self._reader.received

    def exchange(self, call_id: int, pieces: Pieces, timeout_s: float, may_give_up: bool) -> ReceivedReply:
        """Send, wait, return the reply. After any exception the connection is of no more use."""
        if not timeout_s <= self._timeout_s <= timeout_s * TIMEOUT_SLACK:
            self._set_timeout(timeout_s)
        head, rest = pieces
        if rest:
            head, rest = self._sharing.place(pieces)
        left_s = timeout_s
        try:
            try:
                sent = 0 if rest else self._send(head)
            except BlockingIOError:  # the first sleep is over
                sent, left_s = 0, timeout_s - one_sleep_s(timeout_s)
            if sent != len(head):
                left_s = self._send_rest([head, *rest], sent, left_s)
        except TimeoutError:
            raise DeadlineExceeded(f"{self._address}: the peer did not take the call within {timeout_s:g} s") from None
        except OSError as error:
            raise NotTaken(f"the connection had ended ({error})") from error
        except GivenUp as error:
            raise NotTaken(str(error)) from None
        try:
            try:
                count = self._recv_into(self._reader.buffer)
                messages = self._received(count) if count else []
            except BlockingIOError:
                messages, left_s = [], left_s - one_sleep_s(timeout_s)
            if not messages:
                messages = self._receive_rest(left_s, may_give_up)
        except TimeoutError:
            raise DeadlineExceeded(f"{self._address}: no answer within {timeout_s:g} s", maybe_executed=True) from None
        except (OSError, EOFError, ProtocolError, GivenUp) as error:
            raise CallLost(f"{self._address}: {error}", maybe_executed=True) from error
        reply = messages[0]
        if type(reply) is ReceivedReply and reply.call_id == call_id:
            reply.request_bytes = frame_bytes(*pieces) if pieces[1] else len(head)
            if len(messages) > 1:
                self.has_ended = True
            return reply
        raise self.unexpected(reply)

    # For streams, which take their time: an exchange that is less quick, in two parts

    def send(self, pieces: Pieces, timeout_s: float, is_call: bool) -> float:
        """Send a call, or what follows one; return how much of the time is left. Raises DeadlineExceeded, or NotTaken.

        Only a call may be sent elsewhere, if this peer is given up meanwhile.
        """
        if not timeout_s <= self._timeout_s <= timeout_s * TIMEOUT_SLACK:
            self._set_timeout(timeout_s)
        try:
            head, rest = self._sharing.place(pieces) if pieces[1] else pieces
            return self._send_rest([head, *rest], 0, timeout_s, may_give_up=is_call)
        except TimeoutError:
            reason = f"{self._address}: the peer did not take it within {timeout_s:g} s"
            raise DeadlineExceeded(reason, maybe_executed=not is_call) from None
        except (OSError, GivenUp) as error:
            raise NotTaken(f"the connection had ended ({error})") from error

    def receive(self, timeout_s: float, may_give_up: bool) -> list[Message]:
        """Return what comes next, at least one message. Raises DeadlineExceeded, or CallLost."""
        try:
            return self._receive_rest(timeout_s, may_give_up)
        except TimeoutError:
            raise DeadlineExceeded(f"{self._address}: no answer within {timeout_s:g} s", maybe_executed=True) from None
        except (OSError, EOFError, ProtocolError, GivenUp) as error:
            raise CallLost(f"{self._address}: {error}", maybe_executed=True) from error

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            turns.closed()
        self._sharing.close()
        self._sock.close()

    def _set_timeout(self, timeout_s: float) -> None:
        if timeout_s <= 0:
            raise DeadlineExceeded(f"{self._address}: the call's time had run out before it was sent")
        self._timeout_s = timeout_s * (1 + TIMEOUT_SLACK) / 2
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            set_kernel_timeout(self._sock, option, one_sleep_s(self._timeout_s))

    def _set_last_sleep(self, option: int, sleep_s: float) -> None:
        """Let the next `recv` or `send` sleep no longer than `sleep_s`; what the kernel has is right but at the end."""
        if sleep_s < ATTENTION_S:
            set_kernel_timeout(self._sock, option, sleep_s)
            self._timeout_s = 0.0  # so that the next call sets its own

    def _send_rest(self, queue: list[Buffer], sent: int, timeout_s: float, may_give_up: bool = True) -> float:
        """Send what the peer did not take at once; return how much of the time is left."""
        patience = Patience(timeout_s, lambda: may_give_up and self._pool.is_given_up)
        drop_sent(queue, sent)
        while queue:
            self._set_last_sleep(socket.SO_SNDTIMEO, patience.sleep_s())
            with contextlib.suppress(BlockingIOError):
                drop_sent(queue, self._sock.sendmsg(queue[:IOVEC_MAX]))
        return patience.left_s

    def _receive_rest(self, timeout_s: float, may_give_up: bool) -> list[Message]:
        """Receive until a frame is complete; for those that do not come at once, or not with one `recv`."""
        patience = Patience(timeout_s, lambda: may_give_up and self._pool.is_given_up)
        while True:
            self._set_last_sleep(socket.SO_RCVTIMEO, patience.sleep_s())
            try:
                count = self._sock.recv_into(self._reader.buffer, 0, WAIT_ALL if self._reader.is_filling else 0)
            except BlockingIOError:
                continue
            if not count:
                raise EOFError("the peer closed the connection before it answered")
            messages = self._reader.received(count)
            if messages:
                return messages

    def unexpected(self, message: Message) -> Exception:
        if type(message) is Notice and message.kind == Kind.GOODBYE:
            return NotTaken("the peer is stopping")
        return CallLost(f"{self._address}: got a message that answers another call", maybe_executed=True)


_pools: weakref.WeakSet[SyncPool] = weakref.WeakSet()


def _forget_connections() -> None:
    """Let a forked child open connections of its own: two processes on one would mix their calls."""
    for pool in _pools:
        pool.close_idle()  # closes the child's descriptors only; the parent's connections live on


os.register_at_fork(after_in_child=_forget_connections)
