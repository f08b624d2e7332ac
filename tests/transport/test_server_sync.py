"""What a blocking caller says arrives whole, however the kernel cuts it into reads."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from weaverlab.transport.server_sync import SyncConnection
from weaverlab.wire import Call, Reply, encode_call, encode_value
from weaverlab.wire.stream_frames import encode_credit, encode_stream_call
from weaverlab.wire.stream_messages import Item, StreamCall

SIZES = st.integers(0, 300) | st.sampled_from([5_000, 16_384, 40_000, 130_000])  # below and above every buffer


class Executing:
    """A handler that keeps what it was called with."""

    def __init__(self) -> None:
        self.executed: list[bytes] = []

    def call(self, call: Call) -> Reply:
        self.executed.append(bytes(call.args()))
        return Reply(True, b"", None)

    def stream(self, call: StreamCall) -> Iterator[Item | Reply]:
        yield self.call(call)

    async def call_async(self, call: Call) -> Reply:
        raise AssertionError("nobody awaits here")

    async def stream_async(self, call: StreamCall) -> Iterator[Item | Reply]:
        raise AssertionError("nobody awaits here")

    def failure(self, call: Call, error: BaseException) -> object:
        return repr(error)


class Cut:
    """A socket whose reads end where a test says; its peer says nothing before it has been answered."""

    family = socket.AF_INET

    def __init__(self, said: list[bytes], reads: Iterator[int]) -> None:
        self._said = said
        self._reads = reads

    def recv_into(self, buffer: memoryview, length: int = 0, flags: int = 0) -> int:
        if not self._said:
            return 0
        count = min(len(self._said[0]), len(buffer), len(buffer) if flags & socket.MSG_WAITALL else next(self._reads))
        buffer[:count] = self._said[0][:count]
        self._said[0] = self._said[0][count:]
        return count

    def send(self, data: bytes) -> int:
        assert not self._said.pop(0), "it was answered before it had said all"
        return len(data)

    def sendall(self, data: bytes) -> None:
        self.send(data)


def said(number: int, is_stream: bool, credits: int, value: bytes) -> bytes:
    """Return what a caller sends at once: late credits of an earlier stream, then a call, or that of a stream."""
    late = encode_credit(0, 1) * credits
    if is_stream:
        head, rest = encode_stream_call(number, 0, 0, b"", b"", b"", encode_value(bytearray(value)))
    else:
        head, rest = encode_call(number, 0, 5.0, b"", b"lineage", b"", bytearray(value))
    return b"".join((late, head, *rest))


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), SIZES), min_size=1, max_size=5),
    st.lists(st.integers(1, 200) | st.just(1 << 20), min_size=1, max_size=8),
)
def test_every_call_arrives_as_it_was_sent(calls: list[tuple[bool, int, int]], reads: list[int]) -> None:
    values = [bytes([number]) * size for number, (_, _, size) in enumerate(calls, 1)]
    lines = [
        said(number, is_stream, credits, value)
        for number, ((is_stream, credits, _), value) in enumerate(zip(calls, values, strict=True), 1)
    ]
    handler = Executing()

    SyncConnection(Cut(lines, iter(lambda: reads[len(handler.executed) % len(reads)], None)), handler, 1 << 20).serve()

    assert handler.executed == values
    assert not lines
