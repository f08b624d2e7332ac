"""A socket whose bytes are encrypted, for both data paths as good as a plain one.

    send    bytes -> engine -> ciphertext -> socket          receive    socket -> ciphertext -> engine -> bytes

The engine (`ssl.SSLObject`) does no I/O and is all the cryptography there is. What reads and writes is the plain socket
below, in whatever mode it was put: its timeouts in the kernel, and its BlockingIOError, are what callers see. So:

1. What the peer has not taken as a whole, it has not taken: `send` raises BlockingIOError, and whoever goes on must
   begin with the same bytes, which are encrypted already. Both paths do. If nobody goes on, the peer may still have
   decrypted some records of them, and executed the frames in those: `bytes_in_doubt`.
2. The engine may hold bytes that no selector knows of, or a fault. `may_hold_more` says so, after a read that filled
   its memory, or came upon the fault.
3. A stream ends politely only by TLS's own "close notify". Anything else was cut, perhaps by somebody in between.
4. One thread at a time reads and writes. `shutdown` may come from any: it touches the plain socket only.

Not in here: who the peer is, and the TLS handshake (see `tls`).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from weaverlab.wire.values import Buffer

# Plaintext of one `send`, ciphertext of one `recv`: eight records, so that one end decrypts while the other encrypts.
CHUNK_BYTES = 128 * 1024
RECORD_BYTES = 17 * 1024  # a record with its overhead, at most


class Engine:
    """TLS as a machine: ciphertext in and out, no I/O."""

    __slots__ = ("feed", "incoming", "read", "ssl", "take", "write")

    def __init__(self, context: ssl.SSLContext, is_server: bool) -> None:
        self.incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self.incoming, outgoing, server_side=is_server)
        self.feed = self.incoming.write  # ciphertext that has come
        self.take = outgoing.read  # ciphertext to send
        self.write = self.ssl.write  # bytes to encrypt
        self.read: Any = self.ssl.read  # decrypted bytes; called with (most, memory) it returns how many

    def shake(self) -> bool:
        """Go on with the handshake as far as what has come allows; return whether it is done. Raises ssl.SSLError."""
        try:
            self.ssl.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing of what has come. To find out by `read` would cost an exception each time."""
        return not self.incoming.pending and not self.ssl.pending()


class TlsSocket:
    """A connected plain socket and the engine, after its handshake, that speaks through it."""

    def __init__(self, sock: socket.socket, engine: Engine) -> None:
        self.may_hold_more = False
        self.fileno = sock.fileno
        self.setsockopt = sock.setsockopt
        self.settimeout = sock.settimeout
        self.gettimeout = sock.gettimeout
        self.setblocking = sock.setblocking
        self._sock = sock
        self._engine = engine
        self._unsent: bytes | memoryview = b""  # ciphertext that the kernel has not taken yet, of ...
        self._encrypted = 0  # ... so many bytes, which the caller takes for not sent
        self._has_ended = False  # the peer has announced it
        self._fault: ssl.SSLError | None = None  # after which nothing more can be read
        self._stopped_reading = False
        self._maker = os.getpid()

    def __enter__(self) -> TlsSocket:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, frames: TracebackType | None) -> None:
        self.close()

    # Sending

    @property
    def bytes_in_doubt(self) -> int:
        """Of what the caller takes for not sent: how much may have arrived, but for its last byte (see rule 1)."""
        return self._encrypted if self._unsent else 0

    def send(self, data: Buffer) -> int:
        """Send the start of `data`; return how many bytes of it have left. See rule 1."""
        if not self._unsent:
            piece = data if len(data) <= CHUNK_BYTES else memoryview(data)[:CHUNK_BYTES]
            self._encrypted = self._engine.write(piece)
            self._unsent = self._engine.take()
        sent = self._sock.send(self._unsent)
        if sent < len(self._unsent):
            self._unsent = memoryview(self._unsent)[sent:]
            raise BlockingIOError(errno.EAGAIN, "the peer has not taken everything yet")
        self._unsent = b""
        return self._encrypted

    def sendmsg(self, pieces: Sequence[Buffer]) -> int:
        """The same for several pieces in a row. Small ones share records; large ones are encrypted where they are."""
        if self._unsent or len(pieces) == 1 or len(pieces[0]) >= CHUNK_BYTES:
            return self.send(pieces[0])
        joined = bytearray()
        for piece in pieces:
            joined += memoryview(piece)[: CHUNK_BYTES - len(joined)]
            if len(joined) == CHUNK_BYTES:
                break
        return self.send(joined)

    def sendall(self, data: Buffer) -> None:
        """Send all of `data`. BlockingIOError is the kernel's timeout, after which nobody knows how much has left."""
        left = memoryview(data)
        while left:
            left = left[self.send(left) :]

    # Receiving

    def recv(self, count: int) -> bytes:
        """Return between 1 and `count` bytes; none when the peer has ended the stream."""
        memory = bytearray(count)
        return bytes(memory[: self.recv_into(memory)])

    def recv_into(self, memory: bytearray | memoryview, nbytes: int = 0, flags: int = 0) -> int:
        """Fill `memory`, or its first `nbytes`, with what there is; return how much: 0 at the stream's end.

        With MSG_WAITALL wait until all of it has come, or the kernel's timeout is over.

        Raises:
            BlockingIOError: there is nothing now.
            ConnectionResetError: the stream was cut off.
            ssl.SSLError: somebody has changed it on its way.
        """
        target = memoryview(memory)[:nbytes] if nbytes else memoryview(memory)
        size, done = len(target), 0
        if self._fault is not None:
            raise self._fault
        while True:
            done += self._decrypted(target[done:] if done else target)
            has_fault = self._fault is not None  # which the next read raises; nobody knows what comes behind it
            self.may_hold_more = done == size or has_fault
            if done == size or self._has_ended or has_fault or (done and not flags & socket.MSG_WAITALL):
                return done
            try:
                ciphertext = self._sock.recv(CHUNK_BYTES if size > RECORD_BYTES else RECORD_BYTES)
            except BlockingIOError:
                if done:
                    return done
                raise
            if ciphertext:
                self._engine.feed(ciphertext)
            elif self._stopped_reading:
                return done
            else:
                raise ConnectionResetError(errno.ECONNRESET, "the TLS stream was cut off: its end was not announced")

    def _decrypted(self, target: memoryview) -> int:
        """Put what the engine holds into `target`, record by record; return how much. Takes note of the end."""
        engine, size, done = self._engine, len(target), 0
        try:
            while done < size and not engine.is_empty:
                count = engine.read(size - done, target[done:] if done else target)
                if not count:
                    raise ssl.SSLZeroReturnError
                done += count
        except ssl.SSLWantReadError:
            pass  # a record of which the end has not come
        except ssl.SSLZeroReturnError:
            self._has_ended = True
        except ssl.SSLError as error:
            self._fault = error
            if not done:  # else what came before the fault is good; the next read raises it
                raise
        return done

    # Ending

    def shutdown(self, how: int) -> None:
        """Stop reading, or both ways, from any thread. What was begun to be read ends as a plain socket's does."""
        self._stopped_reading = True
        self._sock.shutdown(how)

    def close(self) -> None:
        """Say that the stream ends here, unless something of it is still missing, and close the socket."""
        if self._sock.fileno() >= 0 and not self._unsent and os.getpid() == self._maker:  # a fork's copy says nothing
            self._announce_end()
        self._sock.close()

    def _announce_end(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # it waits for the peer's own announcement; or the stream is broken
            self._engine.ssl.unwrap()
        with contextlib.suppress(OSError):  # the peer has gone already, or does not read
            self._sock.send(self._engine.take(), socket.MSG_DONTWAIT)
