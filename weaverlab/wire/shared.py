"""Frames whose buffers lie in memory that both ends have: instead of the bytes, the frame says where they are.

    header, SHARED among its flags | body, as ever: the lengths of the buffers are in it | place, u64

What a place means is the business of whoever has the memory (`transport.segments`). Before the first such frame, its
sender announces the memory in a SEGMENT notice, whose call id is the number by which the receiver finds it. The
receiver may do nothing about that: then no such frame comes, and buffers follow their frames as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Protocol

from weaverlab.wire.frames import HEADER_BYTES, SHARED, Pieces
from weaverlab.wire.values import Buffer

PLACE = Struct("<Q")
_BODY_BYTES = Struct("<I")
_FLAGS_AT = 5


class SharedMemory(Protocol):
    """What the reader of a connection asks for shared memory, where there is some."""

    def announced(self, number: int) -> None:
        """The peer has memory to share."""

    def views(self, place: int, lengths: Sequence[int]) -> tuple[memoryview, ...]:
        """Return the buffers at `place`. Raises ProtocolError when that cannot be right."""


def buffers_of(pieces: Pieces) -> Sequence[Buffer]:
    """Return the out-of-band buffers among the pieces of a frame."""
    head, rest = pieces
    return rest[_payload_pieces(head) :]


def with_place(pieces: Pieces, place: int) -> Pieces:
    """Return the frame with `place` instead of its buffers."""
    head, rest = pieces
    flagged = head[:_FLAGS_AT] + bytes((head[_FLAGS_AT] | SHARED,)) + head[_FLAGS_AT + 1 :]
    if _payload_pieces(head):
        return flagged, (rest[0], PLACE.pack(place))
    return flagged + PLACE.pack(place), ()


def _payload_pieces(head: bytes) -> int:
    """Return 1 when the payload is a piece of its own, being large, else 0: the head has all of the body."""
    return int(len(head) - HEADER_BYTES < _BODY_BYTES.unpack_from(head)[0])
