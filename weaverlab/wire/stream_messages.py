"""What travels for a stream, as objects: the call that opens it, its items, and what its reader says of them.

Its end is an ordinary reply or failure. Not in here: their bytes (`frames`, `stream_frames`), and when an item may be
sent (`window`).
"""

from __future__ import annotations

from typing import NamedTuple

from weaverlab.wire.messages import Call, ReceivedReply


class StreamCall(Call):
    """A call whose answer is a stream. Its `timeout_s` is 0 where the stream may live as long as it likes."""

    kind = 6  # frames.Kind.STREAM


class Item:
    """One item, as its callee sends it, with the lineage that the callee gained since the one before."""

    __slots__ = ("lineage", "value")

    def __init__(self, lineage: bytes, value: object) -> None:
        self.lineage = lineage
        self.value = value


class ReceivedItem(ReceivedReply):
    """One item as its reader receives it; the first has number 1."""

    kind = 7  # frames.Kind.ITEM

    def __init__(self, call_id: int, number: int, payload: bytearray | memoryview) -> None:
        super().__init__(call_id, payload)
        self.number = number


class Credit(NamedTuple):
    """How many items the reader of a stream has taken since its beginning."""

    call_id: int
    taken: int
    kind: int = 8  # frames.Kind.CREDIT
