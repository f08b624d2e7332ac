"""The frames of a stream become the messages that they were made from, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from weaverlab.errors import CannotTravel, ProtocolError
from weaverlab.wire import FrameReader, Kind, Message, encode_value
from weaverlab.wire.frames import DEADLINE_MAX_S, HEADER, Pieces
from weaverlab.wire.stream_frames import encode_credit, encode_item, encode_stream_call
from weaverlab.wire.stream_messages import Credit, ReceivedItem, StreamCall


def received(pieces: Pieces) -> Message:
    head, rest = pieces
    data, reader = memoryview(b"".join([head, *rest])), FrameReader()
    while True:
        memory = reader.buffer
        count = min(len(memory), len(data))
        memory[:count] = data[:count]
        data = data[count:]
        if messages := reader.received(count):
            (message,) = messages
            return message


@pytest.mark.parametrize(("timeout_s", "arrives"), [(0.0, 0.0), (1.5, 1.5), (float("inf"), DEADLINE_MAX_S)])
def test_a_call_that_opens_a_stream_says_how_long_it_may_take(timeout_s: float, arrives: float) -> None:
    call = received(encode_stream_call(7, 3, timeout_s, b"trace", b"lineage", b"metadata", encode_value((1, "two"))))

    assert type(call) is StreamCall and call.kind == Kind.STREAM
    assert (call.call_id, call.method, call.timeout_s, call.args()) == (7, 3, arrives, (1, "two"))
    assert (call.trace, call.lineage, call.metadata) == (b"trace", b"lineage", b"metadata")


@pytest.mark.parametrize(
    "value", [None, "text", bytes(100_000), [bytes(300_000)]], ids=["none", "small", "aside", "in"]
)
@pytest.mark.parametrize("lineage", [b"", b"lineage"])
def test_an_item_has_a_number_a_lineage_and_a_value(value: object, lineage: bytes) -> None:
    encoded = encode_value(value)
    item = received(encode_item(7, 2**40, lineage, encoded))

    assert type(item) is ReceivedItem and item.kind == Kind.ITEM
    assert (item.call_id, item.number, item.lineage, item.value) == (7, 2**40, lineage, value)
    assert item.value_bytes == len(encoded[0]) + sum(buffer.nbytes for buffer in encoded[1])


def test_a_credit_is_all_header() -> None:
    assert received((encode_credit(7, 16), ())) == Credit(7, 16)
    with pytest.raises(ProtocolError, match="a CREDIT frame has a body of 3 bytes; it must have none"):
        received((HEADER.pack(3, Kind.CREDIT, 0, 0, 7, 16) + b"abc", ()))


@pytest.mark.parametrize(("kind", "flags"), [(Kind.CREDIT, 2), (Kind.ITEM, 1), (Kind.ITEM, 4), (Kind.STREAM, 128)])
def test_a_frame_with_parts_that_it_cannot_have_is_refused(kind: Kind, flags: int) -> None:
    with pytest.raises(ProtocolError, match=f"a frame of kind {kind} has unknown flags"):
        received((HEADER.pack(0, kind, flags, 0, 7, 1), ()))


def test_what_is_larger_than_a_frame_cannot_travel() -> None:
    value = encode_value(bytes(100_000))

    with pytest.raises(CannotTravel):
        encode_item(1, 1, b"", value, max_frame_bytes=50_000)
    with pytest.raises(CannotTravel):
        encode_stream_call(1, 1, 0.0, b"", b"", b"", value, max_frame_bytes=50_000)
