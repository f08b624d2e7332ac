"""A connection on an event loop: its socket is read and written by the loop's own callbacks.

asyncio's streams and protocols cost four times as much, since they allocate 256 KiB for each read; here the socket
is read straight into the connection's memory. What is written goes out at once when the writer says that nothing
else is going on, else together with everything else that this turn of the loop writes. Works on asyncio's loop and
on uvloop. All methods run on the loop's thread. Not in here: what a message means (`async_channel`, `server_mux`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from weaverlab.errors import ProtocolError
from weaverlab.transport.resets import resets_of
from weaverlab.transport.sharing import Sharing
from weaverlab.transport.sockets import IOVEC_MAX, drop_sent
from weaverlab.transport.tls import Connected
from weaverlab.transport.tls_socket import TlsSocket
from weaverlab.transport.waiting import WaitingLine
from weaverlab.wire import Connection, Message, Role
from weaverlab.wire.values import Buffer

# As many frames are sent together; with more, the peer would wait for the last of them before it begins with the first.
BATCH_FRAMES = 8
# Nor more bytes: memory that is freed together and is more than 128 KiB the C library gives back to the system, page by
# page, and each page costs a fault when the next batch takes it again. Items of 64 KiB took twice the time in eights.
BATCH_BYTES = 64 * 1024
# With more than this waiting to be sent, no new work is taken: a caller waits, a server stops reading.
QUEUED_BYTES_MAX = 4 * 1024 * 1024
# Calls in flight on one connection. More of them wait in their caller, with their deadlines: a caller that gives up
# can then say so at once, instead of behind a million calls that have not been read.
CALLS_MAX = 1024


class Stream:
    """One socket on one loop. Subclasses define `on_messages`, `on_drained` and `on_lost`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: Connected, role: Role, max_frame_bytes: int) -> None:
        self.sharing = Sharing(sock)
        self.connection = Connection(role, max_frame_bytes, self.sharing)
        self.is_open = True
        # Counted in bytes since the beginning, so that anybody can tell whether his frame has left.
        self.bytes_written = 0
        self.bytes_sent = 0
        self._loop = loop
        self._sock = sock
        # Looked up once, since all three are used for every message.
        self._recv_into = sock.recv_into
        self._reader = self.connection.reader
        self._received = self.connection.received
        self._queue: list[Buffer] = []
        self._flush_is_scheduled = False
        self._waits_writable = False
        self._line = WaitingLine(loop)  # tasks that wait until less is in flight
        self._encrypted = sock if isinstance(sock, TlsSocket) else None
        self._on_event = self._on_readable if self._encrypted is None else self._on_encrypted
        self._resets = resets_of(loop)
        if self._resets is not None:
            self._resets.watch(sock, self._on_end)
        self.resume_reading()

    @property
    def is_congested(self) -> bool:
        return self.bytes_written - self.bytes_sent > QUEUED_BYTES_MAX

    def on_messages(self, messages: list[Message]) -> None:
        """Take what has arrived."""
        raise NotImplementedError

    def on_drained(self) -> None:
        """Everything that had been queued has been sent."""

    def on_refused(self, reason: str) -> None:
        """The peer takes nothing any more; what it has said before may be unread."""
        self.lose(reason)

    def on_lost(self, reason: str) -> None:
        """The connection has ended; `reason` is empty when the peer closed it between two frames."""
        raise NotImplementedError

    def write(self, head: bytes, rest: Sequence[Buffer], length: int, at_once: bool) -> None:
        """Send a frame of `length` bytes, now or at the end of this turn of the loop; in the order of the calls."""
        self.bytes_written += length
        if at_once and not self._queue and not rest:
            try:
                sent = self._sock.send(head)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self.on_refused(str(error))
                return
            self.bytes_sent += sent
            if sent == length:
                return
            self._queue.append(memoryview(head)[sent:])
            self._wait_writable()
            return
        self._queue.append(head)
        self._queue += rest
        if at_once or len(self._queue) >= BATCH_FRAMES or self.bytes_written - self.bytes_sent >= BATCH_BYTES:
            self.flush()
        elif not self._flush_is_scheduled:
            self._flush_is_scheduled = True
            self._loop.call_soon(self._on_turn_end)

    def flush(self) -> None:
        """Send what is queued, as far as the peer takes it; the rest follows by itself."""
        if self._waits_writable or not self.is_open:
            return
        queue = self._queue
        try:
            while queue:
                sent = self._sock.sendmsg(queue if len(queue) <= IOVEC_MAX else queue[:IOVEC_MAX])
                self.bytes_sent += sent
                if self.bytes_sent == self.bytes_written:
                    queue.clear()
                else:
                    drop_sent(queue, sent)
        except BlockingIOError:
            self._wait_writable()
        except OSError as error:
            self.on_refused(str(error))
        else:
            self.on_drained()

    def lose(self, reason: str) -> None:
        """Close the socket and say so, once."""
        if not self.is_open:
            return
        self.is_open = False
        self.connection.close()
        self._queue.clear()
        if self._resets is not None:
            self._resets.forget(self._sock)
        if not self._loop.is_closed():  # else nobody is waiting any more, and it watches no socket
            self._loop.remove_reader(self._sock)
            if self._waits_writable:
                self._loop.remove_writer(self._sock)
            self.on_lost(reason)
        self.sharing.close()
        self._sock.close()  # last: when the peer notices, everything about it has been said

    def pause_reading(self) -> None:
        self._reads = False
        self._loop.remove_reader(self._sock)

    def resume_reading(self) -> None:
        if self.is_open:
            self._reads = True
            self._loop.add_reader(self._sock, self._on_event)
            if self._encrypted is not None and self._encrypted.may_hold_more:
                self._loop.call_soon(self._on_encrypted)

    def read_to_end(self, reason: str) -> None:
        """Take what the peer has said so far, and close. From a callback of the loop, since it delivers answers."""
        while self.is_open and self._on_readable():
            pass
        self.lose(reason)

    def _wait_writable(self) -> None:
        self._waits_writable = True
        self._loop.add_writer(self._sock, self._on_writable)

    def _on_turn_end(self) -> None:
        self._flush_is_scheduled = False
        if self._queue:
            self.flush()

    def _on_writable(self) -> None:
        self._waits_writable = False
        self._loop.remove_writer(self._sock)
        self.flush()

    def _on_encrypted(self) -> None:
        """Read, and in the next turn again if TLS may hold more than there was room for: no selector tells of it."""
        assert self._encrypted is not None
        if self._reads and self.is_open:
            self._on_readable()
            if self._encrypted.may_hold_more:
                self._loop.call_soon(self._on_encrypted)

    def _on_end(self) -> None:
        """The peer has gone: read what there is, if anybody wants it, up to the end or the error that says so."""
        if self.is_open and not self._reads:
            self.lose("the peer has gone")
        elif self.is_open:
            self._on_event()
            self._loop.call_soon(self._on_end)

    def _on_readable(self) -> bool:
        """Read once; return whether there may be more to read."""
        try:
            count = self._recv_into(self._reader.buffer)
            if count:
                messages = self._received(count)
                if messages:
                    self.on_messages(messages)
            else:
                self.lose(self.connection.received_eof())
        except (BlockingIOError, InterruptedError):
            return False
        except (OSError, ProtocolError) as error:
            self.lose(str(error))
        return self.is_open
