"""Which large values of a connection go through shared memory: the policy of one end. The memory is in `segments`.

The first large value in each direction goes through the socket, and announces the sender's segment. Once the receiver
has mapped it, and said so in its header, the next ones are put there. So nobody depends on memory that he has not yet
opened: a peer that cannot (it sees other processes' descriptors not at all, or is of another user), or that has ended
meanwhile, costs nothing but the faster way.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING

from weaverlab.errors import ProtocolError
from weaverlab.wire import Kind, encode_notice
from weaverlab.wire.frames import Pieces
from weaverlab.wire.shared import buffers_of, with_place

if TYPE_CHECKING:
    from weaverlab.transport.segments import Incoming, Outgoing
    from weaverlab.transport.tls import Connected

# Buffers that are smaller together than this go through the socket. An echo of an array takes as long on either way at
# 64 KiB, 11 % less through memory at 256 KiB and 36 % less at 1 MiB; and what is held takes granules of this size.
SHARED_BYTES_MIN = 64 * 1024

_CREDENTIALS = Struct("@iII")  # struct ucred: pid, uid, gid


class Sharing:
    """One end of one connection. Its methods are called by whoever sends or receives there, one at a time."""

    def __init__(self, sock: Connected) -> None:
        # Over TCP the peer may be on another host, and what is encrypted is all to be encrypted.
        self._sock = sock if isinstance(sock, socket.socket) and sock.family == socket.AF_UNIX else None
        self._may_announce = self._sock is not None and hasattr(os, "memfd_create")
        self._outgoing: Outgoing | None = None
        self._incoming: Incoming | None = None

    def place(self, pieces: Pieces) -> Pieces:
        """Return what to send instead of a frame with buffers: the same, or less when they could be put elsewhere."""
        buffers = buffers_of(pieces)
        if sum(map(len, buffers)) < SHARED_BYTES_MIN:
            return pieces
        if self._outgoing is None:
            return self._announce() + pieces[0], pieces[1]
        place = self._outgoing.put(buffers) if self._outgoing.is_opened() else None
        return pieces if place is None else with_place(pieces, place)

    def announced(self, number: int) -> None:
        """Map the peer's segment, if that is possible. Which process the peer is, the kernel says."""
        if self._sock is None:
            return
        from weaverlab.transport.segments import Incoming

        with contextlib.suppress(OSError):
            options = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            self._incoming = Incoming(_CREDENTIALS.unpack(options)[0], number)

    def views(self, place: int, lengths: Sequence[int]) -> tuple[memoryview, ...]:
        """Return the buffers that the peer has put at `place`. Raises ProtocolError."""
        if self._incoming is None:
            raise ProtocolError("a frame's buffers are in shared memory, and this connection has none")
        return self._incoming.views(place, lengths)

    def close(self) -> None:
        """Drop the memory; arrays that came by it keep theirs."""
        if self._outgoing is not None:
            self._outgoing.close()
        self._outgoing = self._incoming = None
        self._may_announce = False

    def _announce(self) -> bytes:
        """Make a segment; return the notice of it, or nothing."""
        if not self._may_announce:
            return b""
        from weaverlab.transport.segments import Outgoing  # 3 ms for ctypes, and most processes never need it

        self._may_announce = False
        with contextlib.suppress(OSError):
            self._outgoing = Outgoing()
            return encode_notice(Kind.SEGMENT, self._outgoing.name)
        return b""
