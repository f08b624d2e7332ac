"""The table of `connection`, and both ends of one connection joined by a list of bytes."""

from __future__ import annotations

import pytest

from weaverlab.errors import ProtocolError
from weaverlab.wire import Connection, Kind, Role, encode_call, encode_notice, encode_reply, encode_value
from weaverlab.wire.connection import TRANSITIONS, State
from weaverlab.wire.frames import HEADER
from weaverlab.wire.stream_frames import encode_credit, encode_item, encode_stream_call

NOTHING = encode_value(())
FRAMES = {
    Kind.CALL: encode_call(5, 1, 1.0, b"", b"", b"", ())[0],
    Kind.REPLY: encode_reply(5, True, b"", ())[0],
    Kind.FAILURE: encode_reply(5, False, b"", ())[0],
    Kind.CANCEL: encode_notice(Kind.CANCEL, 5),
    Kind.GOODBYE: encode_notice(Kind.GOODBYE, 5),
    Kind.STREAM: encode_stream_call(5, 1, 1.0, b"", b"", b"", NOTHING)[0],
    Kind.ITEM: encode_item(5, 1, b"", NOTHING)[0],
    Kind.CREDIT: encode_credit(5, 1),
}


def give(connection: Connection, data: bytes) -> list:
    connection.reader.buffer[: len(data)] = data
    return connection.received(len(data))


def call(call_id: int) -> bytes:
    return encode_call(call_id, 1, 1.0, b"", b"", b"", ())[0]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", FRAMES)
def test_the_table_is_what_happens(role, state, kind):
    connection = Connection(role)
    connection.state = state

    if kind in TRANSITIONS[role][state]:
        give(connection, FRAMES[kind])
        assert connection.state is TRANSITIONS[role][state][kind]
    else:
        with pytest.raises(ProtocolError, match=f"sent a {kind.name}, which may not come while {state.name}"):
            give(connection, FRAMES[kind])
        assert connection.state is State.CLOSED


def test_goodbye_tells_the_client_which_calls_will_be_answered():
    client, server = Connection(Role.CLIENT), Connection(Role.SERVER)
    give(server, call(1) + call(2))

    give(client, server.goodbye())

    assert client.state is State.DRAINING
    assert client.last_call_id == 2


def test_a_call_that_crossed_the_goodbye_is_not_handed_out():
    server = Connection(Role.SERVER)
    give(server, call(1))
    server.goodbye()

    messages = give(server, call(2) + encode_notice(Kind.CANCEL, 1))

    assert [message.kind for message in messages] == [Kind.CANCEL]
    assert server.last_call_id == 1


def test_an_end_in_the_middle_of_a_frame_is_told_from_one_between_frames():
    between, middle = Connection(Role.SERVER), Connection(Role.SERVER)
    give(between, call(1))
    give(middle, call(1)[:-1])

    assert between.received_eof() == ""
    assert "middle of a frame" in middle.received_eof()
    assert between.state is middle.state is State.CLOSED


def test_a_broken_frame_closes_the_connection():
    connection = Connection(Role.SERVER)

    with pytest.raises(ProtocolError, match="unknown kind"):
        give(connection, b"\0" * 24)

    assert connection.state is State.CLOSED


@pytest.mark.parametrize("kind", [Kind.CALL, Kind.STREAM])
@pytest.mark.parametrize("again", [1, 2])
def test_a_call_that_comes_again_or_too_late_closes_the_connection(kind, again):
    def frame(call_id: int) -> bytes:
        return HEADER.pack(len(NOTHING[0]), kind, 0, 1, call_id, 1) + NOTHING[0]

    connection = Connection(Role.SERVER)
    assert len(give(connection, frame(1) + frame(2))) == 2

    with pytest.raises(ProtocolError, match=f"call {again} after call 2"):
        give(connection, frame(again))

    assert connection.state is State.CLOSED
