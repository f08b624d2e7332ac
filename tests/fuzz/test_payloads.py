"""Good frames with broken pickles in them: CannotTravel where the value is wanted, and the connection goes on.

A pickle is a program. One with a bit flipped may do anything that its author could have, which is why nothing of a
stranger is unpickled and why pickles are not changed at random here. These changes can do no harm: what runs is a
beginning of what a good peer had written, and then comes something that no unpickler takes.
"""

from __future__ import annotations

import pickle
import pickletools
import socket
from collections.abc import Callable, Iterator

import numpy
import pytest

from tests.transport.conftest import ECHO, SECRET, World
from weaverlab.errors import CannotTravel
from weaverlab.transport.sockets import connect
from weaverlab.wire import FrameReader, Kind, Mode, ServerHandshake, encode_value
from weaverlab.wire.frames import HEADER, Flag
from weaverlab.wire.handshake import MESSAGE_BYTES
from weaverlab.wire.values import OUT_OF_BAND_BYTES_MIN

TIMEOUT_S = 10.0
NO_OPCODE = b"\xff"
VALUE = (
    {"name": "tea", "sizes": [1, 2.5, 10**30]},
    {3, 4},
    "x" * 300,
    numpy.arange(OUT_OF_BAND_BYTES_MIN // 8),
    (None, b"bytes", 2j),
)
PAYLOAD, BUFFERS, _ = encode_value(VALUE)
GOOD = encode_value(("still here",))[0]


def broken() -> Iterator[tuple[str, bytes, list[bytes], int]]:
    """Yield a name, a payload, its buffers, and the flags of its frame."""
    buffers = [bytes(buffer) for buffer in BUFFERS]
    for length in range(len(PAYLOAD)):
        yield f"cut at {length}", PAYLOAD[:length], buffers, 0
    for opcode, _, at in pickletools.genops(PAYLOAD):
        yield f"no opcode instead of {opcode.name}", PAYLOAD[:at] + NO_OPCODE + PAYLOAD[at + 1 :], buffers, 0
    yield "none of the buffers", PAYLOAD, [], 0
    yield "a buffer that is too short", PAYLOAD, [buffers[0][:-8]], 0
    yield "another protocol", b"\x80\x63" + PAYLOAD[2:], buffers, 0
    yield "a class that there is not", pickle.dumps(CannotTravel).replace(b"CannotTravel", b"CannotTraveI"), [], 0
    yield "a length beyond all memory", b"\x80\x05\x8e" + (2**62).to_bytes(8, "little") + b"x.", [], 0
    yield "text", b"GET / HTTP/1.1\r\n\r\n", [], 0
    yield "nothing, for dill", b"", [], Flag.DILL
    yield "half of it, for dill", PAYLOAD[: len(PAYLOAD) // 2], buffers, Flag.DILL


BROKEN = list(broken())


def frame(kind: Kind, call_id: int, payload: bytes, buffers: list[bytes], flags: int) -> bytes:
    """Return a frame of which only the payload is wrong."""
    lengths = b"".join(len(buffer).to_bytes(8, "little") for buffer in buffers)
    part = len(lengths).to_bytes(4, "little") + lengths if buffers else b""
    flags |= Flag.BUFFERS if buffers else 0
    microseconds = int(TIMEOUT_S * 1e6) if kind is Kind.CALL else 0
    head = HEADER.pack(len(part) + len(payload), kind, flags, ECHO, call_id, microseconds)
    return b"".join([head, part, payload, *buffers])


@pytest.mark.parametrize("mode", list(Mode))
def test_an_argument_that_is_no_pickle_fails_its_call_and_no_other(world: World, mode: Mode) -> None:
    world.serve()
    with connect(world.address, SECRET, mode, TIMEOUT_S) as sock:
        sock.settimeout(TIMEOUT_S)
        for call_id, (name, payload, buffers, flags) in enumerate(BROKEN, 1):
            reader = FrameReader()
            sock.sendall(frame(Kind.CALL, call_id, payload, buffers, flags))
            failure = _reply(sock, reader)
            assert not failure.ok and failure.value.startswith("CannotTravel"), (name, failure.value)
        sock.sendall(frame(Kind.CALL, call_id + 1, GOOD, [], 0))  # on the same connection
        assert _reply(sock, reader).value == ("still here",)

    assert world.methods.executed == [("still here",)]


def _reply(sock: socket.socket, reader: FrameReader):  # type: ignore[no-untyped-def]
    while True:
        messages = reader.received(sock.recv_into(reader.buffer))
        if messages:
            return messages[0]


def test_an_answer_that_is_no_pickle_fails_its_call_and_no_other(world: World, in_thread: Callable) -> None:
    answers = [*BROKEN, ("good", GOOD, [], 0)]

    def serve() -> None:
        sock, _ = listener.accept()  # once: all calls go over this connection
        with sock:
            sock.settimeout(TIMEOUT_S)
            server = ServerHandshake(SECRET, bytes(32))
            while not server.is_done:
                sock.sendall(server.receive(sock.recv(MESSAGE_BYTES, socket.MSG_WAITALL)))
            for call_id, (_, payload, buffers, flags) in enumerate(answers, 1):
                sock.recv(1 << 16)
                sock.sendall(frame(Kind.REPLY, call_id, payload, buffers, flags))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()
        served = in_thread(serve)
        pool = world.pool()
        for name, *_ in BROKEN:
            reply = pool.call(ECHO, (), TIMEOUT_S)
            with pytest.raises(CannotTravel):
                pytest.fail(f"{name} was unpickled: {reply.value!r}")
        assert pool.call(ECHO, (), TIMEOUT_S).value == ("still here",)
        assert served() is None
