"""Two connected sockets, joined: what either end says, its ending and its breaking included, the other end hears.

              ┌────────── up ─────────▶┐
    client ───┤                        ├─── target
              └◀───────── down ────────┘

Bytes only, so whatever two programs speak over TCP passes. Each direction holds at most one read that its sink has not
taken yet, and reads no more until it has: a slow reader slows the writer down, and memory is bounded. The sockets are
read and written by the loop's own callbacks, as in `stream` and for the same reason. All methods run on the loop's
thread. Not in here: which target a client is joined to (`proxy`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from struct import Struct

READ_BYTES = 256 * 1024

# A target that has ended is mostly a server that is gone, its client one that keeps the connection for later and will
# not look at it before. The kernel forgets the like of it after a minute (tcp_fin_timeout); so does a relay.
LINGER_S = 60.0

_LINGER = Struct("@ii")  # struct linger of setsockopt


def reset(sock: socket.socket) -> None:
    """Close `sock` so that its peer sees a broken connection (RST), not an ended one."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
    sock.close()


class Relay:
    """Joins `client` and `target`, both non-blocking, until both have ended or one breaks; then calls `on_closed`.

    `scratch` has room for one read; relays of one loop may share it, since it holds nothing between two callbacks.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        client: socket.socket,
        target: socket.socket,
        scratch: memoryview,
        on_closed: Callable[[Relay], None],
    ) -> None:
        self._loop = loop
        self._client, self._target = client, target
        self._on_closed = on_closed
        self._timer: asyncio.TimerHandle | None = None
        self._is_open = True
        for sock in (client, target):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a peer that vanished is noticed, some day
        self._up = _Flow(loop, client, target, scratch, self._on_end, self.break_off)
        self._down = _Flow(loop, target, client, scratch, self._on_end, self.break_off)

    def drop(self) -> None:
        """Let go of a target that is gone: close when all it said has been passed on, else break off."""
        if self._down.has_ended:
            self._close(socket.socket.close)
        else:
            self.break_off()

    def break_off(self) -> None:
        """Break both connections: neither end may take what it has received for the whole."""
        self._close(reset)

    def _on_end(self) -> None:
        if self._up.has_ended and self._down.has_ended:
            self._close(socket.socket.close)
        elif self._down.has_ended:
            self._linger(self._up.bytes_read)

    def _linger(self, bytes_before: int) -> None:
        """Close in a while if the client, which has heard the end, says nothing more."""
        self._timer = self._loop.call_later(LINGER_S, self._linger_is_over, bytes_before)

    def _linger_is_over(self, bytes_before: int) -> None:
        if self._up.bytes_read == bytes_before:
            self.drop()
        else:
            self._linger(self._up.bytes_read)

    def _close(self, close: Callable[[socket.socket], None]) -> None:
        if not self._is_open:
            return
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
        for sock in (self._client, self._target):
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
            close(sock)
        self._on_closed(self)


class _Flow:
    """One direction: from `source` to `sink`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        source: socket.socket,
        sink: socket.socket,
        scratch: memoryview,
        on_end: Callable[[], None],
        on_broken: Callable[[], None],
    ) -> None:
        self.has_ended = False  # the end of the source has been passed on, with all that came before
        self.bytes_read = 0
        self._loop = loop
        self._source, self._sink = source, sink
        self._scratch = scratch
        self._unsent = memoryview(b"")
        self._on_end, self._on_broken = on_end, on_broken
        loop.add_reader(source, self._on_readable)

    def _on_readable(self) -> None:
        try:
            count = self._source.recv_into(self._scratch)
            if count:
                self.bytes_read += count
                self._pass_on(count)
            else:
                self._end()
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._on_broken()

    def _pass_on(self, count: int) -> None:
        sent = _send(self._sink, self._scratch[:count])
        if sent < count:
            self._unsent = memoryview(bytes(self._scratch[sent:count]))
            self._loop.remove_reader(self._source)
            self._loop.add_writer(self._sink, self._on_writable)

    def _on_writable(self) -> None:
        try:
            self._unsent = self._unsent[_send(self._sink, self._unsent) :]
        except OSError:
            self._on_broken()
            return
        if not self._unsent:
            self._loop.remove_writer(self._sink)
            self._loop.add_reader(self._source, self._on_readable)

    def _end(self) -> None:
        self._loop.remove_reader(self._source)
        self._sink.shutdown(socket.SHUT_WR)
        self.has_ended = True
        self._on_end()


def _send(sock: socket.socket, data: memoryview) -> int:
    """Return how many bytes of `data` the kernel took; 0 when it has no room."""
    try:
        return sock.send(data)
    except (BlockingIOError, InterruptedError):
        return 0
