"""Frames whose buffers lie in memory that both ends have: instead of the bytes, the frame says where they are.

What a place means is the business of whoever has the memory (`transport.segments`). Before the first such frame, its
sender announces the memory in a SEGMENT notice, whose call id is the number by which the receiver finds it. The
receiver may do nothing about that: then no such frame comes, and buffers follow their frames as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weaverlab.wire.frames import HEADER, HEADER_BYTES, PLACE, SHARED, Pieces
from weaverlab.wire.values import Buffer


class SharedMemory(Protocol):
    """What the reader of a connection asks for shared memory, where there is some."""

    def announced(self, number: int) -> None:
        """The peer has memory to share."""

    def views(self, place: int, lengths: Sequence[int]) -> tuple[memoryview, ...]:
        """Return the buffers at `place`. Raises ProtocolError when that cannot be right."""


def buffers_of(pieces: Pieces) -> Sequence[Buffer]:
    """Return the out-of-band buffers among the pieces of a frame."""
    head, rest = pieces
    (length, *_) = HEADER.unpack_from(head)
    return rest[1:] if len(head) - HEADER_BYTES < length else rest  # a large payload is a piece of its own


def with_place(pieces: Pieces, place: int) -> Pieces:
    """Return the frame with `place` instead of its buffers."""
    head, rest = pieces
    length, kind, flags, method, call_id, number = HEADER.unpack_from(head)
    header = HEADER.pack(length + PLACE.size, kind, flags | SHARED, method, call_id, number)
    if len(head) - HEADER_BYTES < length:
        return header + head[HEADER_BYTES:], (rest[0], PLACE.pack(place))
    return header + head[HEADER_BYTES:] + PLACE.pack(place), ()
