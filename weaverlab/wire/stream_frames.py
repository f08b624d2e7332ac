"""The frames of a stream. They are like those of calls and replies (`frames`), but for the last field of the header:

STREAM   the deadline of the stream as a whole, 0 where it has none
ITEM     the number of the item, from 1
CREDIT   how many items have been taken since the beginning; it has no body
"""

from __future__ import annotations

import math

from weaverlab.wire.frames import DEADLINE_MAX_S, HEADER, MAX_FRAME_BYTES, Kind, Pieces, encode_frame
from weaverlab.wire.values import Encoded


def encode_stream_call(
    call_id: int,
    method: int,
    timeout_s: float,
    trace: bytes,
    lineage: bytes,
    metadata: bytes,
    args: Encoded,
    max_frame_bytes: int = MAX_FRAME_BYTES,
) -> Pieces:
    """Return the frame that opens a stream. Raises CannotTravel when it is larger than the peer would accept."""
    microseconds = math.ceil(min(timeout_s, DEADLINE_MAX_S) * 1e6)  # 0 would be no bound
    return encode_frame(Kind.STREAM, method, call_id, microseconds, (trace, lineage, metadata), args, max_frame_bytes)


def encode_item(
    call_id: int, number: int, lineage: bytes, value: Encoded, max_frame_bytes: int = MAX_FRAME_BYTES
) -> Pieces:
    """Return the frame of one item. Raises CannotTravel when it is larger than the peer would accept."""
    return encode_frame(Kind.ITEM, 0, call_id, number, (b"", lineage, b""), value, max_frame_bytes)


def encode_credit(call_id: int, taken: int) -> bytes:
    """Return the frame with which a reader says that it has taken `taken` items."""
    return HEADER.pack(0, Kind.CREDIT, 0, 0, call_id, taken)
