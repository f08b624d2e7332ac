"""Frames through a reader, whole and in pieces, right and wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.errors import CannotTravel, ProtocolError
from weaverlab.wire import (
    Call,
    FrameReader,
    Kind,
    Notice,
    ReceivedReply,
    encode_call,
    encode_notice,
    encode_reply,
)
from weaverlab.wire.frames import HEADER, HEADER_BYTES, Flag
from weaverlab.wire.reader import SCRATCH_BYTES, SCRATCH_BYTES_MAX


def joined(pieces: tuple) -> bytes:
    head, rest = pieces
    return head + b"".join(rest)


def read(reader: FrameReader, data: bytes, chunk_bytes: int = 1 << 30) -> list:
    """Return the messages of `data`, given to `reader` in chunks of at most `chunk_bytes`."""
    messages, left = [], memoryview(data)
    while left:
        memory = reader.buffer
        count = min(len(memory), len(left), chunk_bytes)
        memory[:count] = left[:count]
        messages += reader.received(count)
        left = left[count:]
    return messages


def call_frame(args: object = (1,), call_id: int = 7, **parts: bytes) -> bytes:
    trace, lineage, metadata = (parts.get(name, b"") for name in ("trace", "lineage", "metadata"))
    return joined(encode_call(call_id, 3, 1.5, trace, lineage, metadata, args))


@given(trace=st.binary(max_size=40), lineage=st.binary(max_size=300), metadata=st.binary(max_size=300))
def test_a_call_arrives_with_exactly_the_parts_it_was_sent_with(trace, lineage, metadata):
    data = call_frame(("a", 1), trace=trace, lineage=lineage, metadata=metadata)

    (call,) = read(FrameReader(), data)

    assert type(call) is Call
    assert (call.call_id, call.method, call.timeout_s) == (7, 3, 1.5)
    assert (call.trace, call.lineage, call.metadata) == (trace, lineage, metadata)
    assert call.args() == ("a", 1)


@given(ok=st.booleans(), lineage=st.binary(max_size=300), value=st.text())
def test_a_reply_arrives_with_its_lineage_also_when_the_call_failed(ok, lineage, value):
    (reply,) = read(FrameReader(), joined(encode_reply(9, ok, lineage, value)))

    assert type(reply) is ReceivedReply
    assert (reply.call_id, reply.ok, reply.lineage, reply.value) == (9, ok, lineage, value)


STREAM = b"".join(
    [
        call_frame(("small",), 1),
        call_frame((b"y" * 200_000, bytearray(130_000)), 2, lineage=b"l" * 20_000),  # larger than the scratch buffer
        encode_notice(Kind.CANCEL, 1),
        call_frame(("z" * 30_000,), 3),  # in band, larger than the scratch buffer
        call_frame((b"w" * 130_000,), 4, metadata=b"m"),
        encode_notice(Kind.GOODBYE, 4),
    ]
)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 24, 25, 1000, 16 * 1024, 1 << 30])
def test_how_a_stream_is_cut_into_reads_makes_no_difference(chunk_bytes):
    reader = FrameReader()

    messages = read(reader, STREAM, chunk_bytes)

    assert [(message.kind, message.call_id) for message in messages] == [
        (Kind.CALL, 1),
        (Kind.CALL, 2),
        (Kind.CANCEL, 1),
        (Kind.CALL, 3),
        (Kind.CALL, 4),
        (Kind.GOODBYE, 4),
    ]
    assert messages[1].args() == (b"y" * 200_000, bytearray(130_000))
    assert messages[3].args() == ("z" * 30_000,)
    assert messages[4].args() == (b"w" * 130_000,)
    assert type(messages[5]) is Notice
    assert reader.is_between_frames


@given(st.lists(st.integers(1, 50_000), min_size=1, max_size=30))
def test_any_cutting_gives_the_same_calls(cuts):
    reader, messages, start = FrameReader(), [], 0
    for cut in [*cuts, len(STREAM)]:
        messages += read(reader, STREAM[start : start + cut])
        start += cut

    assert [message.call_id for message in messages] == [1, 2, 1, 3, 4, 4]


def test_a_frame_cut_short_is_noticed_at_every_byte():
    data = call_frame((b"y" * 70_000,), lineage=b"abc")[:200]

    for length in range(1, len(data)):
        reader = FrameReader()
        assert read(reader, data[:length]) == []
        assert not reader.is_between_frames


def test_a_body_larger_than_allowed_is_refused_before_memory_is_taken():
    reader = FrameReader(max_frame_bytes=1000)

    with pytest.raises(ProtocolError, match=r"body of 4,000,000,000 bytes; at most 1,000"):
        read(reader, HEADER.pack(4_000_000_000, Kind.CALL, 0, 0, 1, 0))


def test_buffers_larger_than_allowed_are_refused_before_memory_is_taken():
    lengths = (2**63).to_bytes(8, "little")
    body = len(lengths).to_bytes(4, "little") + lengths
    frame = HEADER.pack(len(body), Kind.CALL, Flag.BUFFERS, 0, 1, 0) + body

    with pytest.raises(ProtocolError, match="bytes of buffers"):
        read(FrameReader(), frame)


def test_more_buffers_than_a_frame_can_fill_are_refused():
    lengths = bytes(8 * 1000)
    body = len(lengths).to_bytes(4, "little") + lengths
    frame = HEADER.pack(len(body), Kind.CALL, Flag.BUFFERS, 0, 1, 0) + body

    with pytest.raises(ProtocolError, match="1,000 buffers"):
        read(FrameReader(max_frame_bytes=100_000), frame)


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (HEADER.pack(0, 99, 0, 0, 1, 0), "unknown kind 99"),
        (HEADER.pack(0, Kind.CALL, 128, 0, 1, 0), "unknown flags"),
        (HEADER.pack(3, Kind.CALL, Flag.TRACE, 0, 1, 0) + b"abc", "longer than its body"),
        (HEADER.pack(8, Kind.CALL, Flag.LINEAGE, 0, 1, 0) + b"\xff\0\0\0abcd", "longer than its body"),
        (HEADER.pack(7, Kind.CALL, Flag.BUFFERS, 0, 1, 0) + b"\3\0\0\0abc", "buffer lengths take 3 bytes"),
        (HEADER.pack(1, Kind.CANCEL, 0, 0, 1, 0) + b"x", "CANCEL frame has a body"),
    ],
)
def test_what_is_no_frame_is_refused_with_the_reason(frame, complaint):
    with pytest.raises(ProtocolError, match=complaint):
        read(FrameReader(), frame)


@pytest.mark.parametrize("value", [bytes(200_000), "x" * 2_000, ["x" * 2_000]], ids=["apart", "plain", "pickled"])
def test_a_value_too_large_for_a_frame_is_refused_at_its_sender(value):
    with pytest.raises(CannotTravel, match="at most 1,000"):
        encode_call(1, 1, 1.0, b"", b"", b"", (value,), max_frame_bytes=1000)
    with pytest.raises(CannotTravel, match="at most 1,000"):
        encode_reply(1, True, b"", value, max_frame_bytes=1000)


def test_an_infinite_deadline_fits_the_header():
    head, _ = encode_call(1, 1, float("inf"), b"", b"", b"", ())

    (call,) = read(FrameReader(), head)

    assert call.timeout_s >= 10**9


@given(st.binary(min_size=HEADER_BYTES, max_size=300), st.integers(0, 200), st.integers(0, 255))
def test_garbage_gives_messages_or_a_protocol_error_and_nothing_else(noise, position, byte):
    mutated = bytearray(call_frame(("some", "thing"), trace=b"t" * 30, lineage=b"l" * 50))
    mutated[position % len(mutated)] = byte
    for data in (noise, bytes(mutated)):
        try:
            read(FrameReader(max_frame_bytes=100_000), data)
        except ProtocolError:
            continue


def test_the_second_frame_larger_than_the_scratch_buffer_comes_with_one_read():
    frame = call_frame((b"y" * 100_000,), 2)
    reader = FrameReader()
    assert len(read(reader, frame)) == 1

    reader.buffer[: len(frame)] = frame
    (call,) = reader.received(len(frame))

    assert call.args() == (b"y" * 100_000,)
    assert len(reader.buffer) == SCRATCH_BYTES_MAX


def test_a_frame_too_large_for_any_scratch_buffer_leaves_it_as_it_was():
    reader = FrameReader()

    (call,) = read(reader, call_frame((["y" * SCRATCH_BYTES_MAX],), 2))

    assert call.args() == (["y" * SCRATCH_BYTES_MAX],)
    assert len(reader.buffer) == SCRATCH_BYTES


def test_a_frame_whose_place_is_cut_off_is_refused():
    flags = Flag.BUFFERS | Flag.SHARED
    lengths = b"\x08\0\0\0" + (65536).to_bytes(8, "little")
    frame = HEADER.pack(len(lengths) + 7, Kind.REPLY, flags, 0, 1, 0) + lengths + bytes(7)

    with pytest.raises(ProtocolError, match="longer than its body"):
        read(FrameReader(), frame)
