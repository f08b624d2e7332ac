"""Frames whose buffers are elsewhere: what is sent instead of them, and what the reader asks for."""

from __future__ import annotations

import pytest

from weaverlab.errors import ProtocolError
from weaverlab.wire import MAX_FRAME_BYTES, FrameReader, Kind, encode_notice
from weaverlab.wire.frames import JOIN_BYTES_MAX, Pieces, encode_frame
from weaverlab.wire.shared import buffers_of, with_place

BUFFERS = [memoryview(b"a" * 5000), memoryview(b"b" * 6000)]


class Memory:
    """Shared memory in which buffers are by number."""

    def __init__(self, *stored: list[memoryview]) -> None:
        self.stored = stored
        self.numbers: list[int] = []

    def announced(self, number: int) -> None:
        self.numbers.append(number)

    def views(self, place: int, lengths: tuple[int, ...]) -> tuple[memoryview, ...]:
        assert [len(buffer) for buffer in self.stored[place]] == list(lengths)
        return tuple(self.stored[place])


def read(reader: FrameReader, data: bytes, chunk: int) -> list:
    messages = []
    while data:
        memory = reader.buffer
        count = min(len(memory), len(data), chunk)
        memory[:count] = data[:count]
        data = data[count:]
        messages += reader.received(count)
    return messages


def reply(call_id: int, lineage: bytes, payload: bytes, buffers) -> Pieces:
    return encode_frame(Kind.REPLY, 0, call_id, 0, (b"", lineage, b""), (payload, buffers, False), MAX_FRAME_BYTES)


@pytest.mark.parametrize("payload_bytes", [0, 10, 20_000, JOIN_BYTES_MAX + 1])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_the_place_comes_instead_of_the_buffers(payload_bytes, chunk):
    payload = b"p" * payload_bytes
    pieces = reply(3, b"lineage", payload, BUFFERS)
    assert list(buffers_of(pieces)) == BUFFERS
    head, rest = with_place(pieces, 1)
    data = head + b"".join(rest)
    assert len(data) < payload_bytes + 100
    reader = FrameReader(shared_memory=Memory([], BUFFERS))

    messages = read(reader, data * 2 if chunk > 1 else data, chunk)

    for message in messages:
        assert (message.call_id, message.lineage, message.payload) == (3, b"lineage", payload)
        assert message.buffers == tuple(BUFFERS)
    assert len(messages) == (2 if chunk > 1 else 1)
    assert reader.is_between_frames


def test_frames_of_both_sorts_follow_each_other():
    there = reply(1, b"", b"x", BUFFERS)
    elsewhere, _ = with_place(there, 0)
    here = there[0] + b"".join(there[1])
    memory = Memory(BUFFERS)
    reader = FrameReader(shared_memory=memory)

    messages = read(reader, here + elsewhere + encode_notice(Kind.SEGMENT, 2**63) + here + elsewhere, 1000)

    assert [tuple(map(bytes, message.buffers)) for message in messages] == [tuple(map(bytes, BUFFERS))] * 4
    assert memory.numbers == [2**63]


def test_a_connection_without_shared_memory_refuses_to_hear_of_it():
    elsewhere, _ = with_place(reply(1, b"", b"x", BUFFERS), 0)

    for data in (elsewhere, encode_notice(Kind.SEGMENT, 1)):
        with pytest.raises(ProtocolError, match="this connection has none"):
            read(FrameReader(), data, 1 << 20)


def test_a_place_without_buffers_is_no_frame():
    plain, _ = reply(1, b"", b"x", ())

    with pytest.raises(ProtocolError, match="flags"):
        read(FrameReader(shared_memory=Memory()), with_place((plain, ()), 0)[0], 1 << 20)
