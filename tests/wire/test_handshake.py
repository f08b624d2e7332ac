"""Both ends of the handshake at once, joined by nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.errors import AuthenticationError, ProtocolError
from weaverlab.wire import ClientHandshake, Mode, Refused, ServerHandshake, handshake
from weaverlab.wire.handshake import _MESSAGE, MAGIC, MESSAGE_BYTES, TRANSITIONS, State, Step

SECRET, OTHER_SECRET = b"s" * 32, b"o" * 32
CLIENT_NONCE, SERVER_NONCE = b"c" * 32, b"n" * 32


def both(client_secret: bytes = SECRET, mode: Mode = Mode.SYNC) -> tuple[ClientHandshake, ServerHandshake]:
    return ClientHandshake(client_secret, mode, CLIENT_NONCE), ServerHandshake(SECRET, SERVER_NONCE)


@pytest.mark.parametrize("mode", list(Mode))
def test_two_ends_with_one_secret_agree_on_the_mode_in_four_messages(mode):
    client, server = both(mode=mode)

    challenge = server.receive(client.hello)
    proof = client.receive(challenge)
    welcome = server.receive(proof)
    nothing = client.receive(welcome)

    assert client.is_done and server.is_done
    assert server.mode is mode
    assert {len(message) for message in (client.hello, challenge, proof, welcome)} == {MESSAGE_BYTES}
    assert nothing == b""


def test_a_client_does_not_prove_itself_to_a_server_without_the_secret():
    client, server = both(client_secret=OTHER_SECRET)

    with pytest.raises(AuthenticationError, match="server did not prove"):
        client.receive(server.receive(client.hello))


def test_a_client_without_the_secret_is_refused_and_told_so():
    client, server = both()
    server.receive(client.hello)
    wrong_proof = _MESSAGE.pack(MAGIC, handshake.PROTOCOL_VERSION, Step.PROOF, 0, bytes(32), bytes(32))

    with pytest.raises(Refused, match="client did not prove") as refused:
        server.receive(wrong_proof)
    client.state = State.WELCOME
    with pytest.raises(AuthenticationError, match="did not accept"):
        client.receive(refused.value.farewell)


def test_a_servers_proof_sent_back_to_it_is_refused():
    client, server = both()
    challenge = server.receive(client.hello)
    *_, stolen_proof = _MESSAGE.unpack(challenge)

    with pytest.raises(Refused):
        server.receive(_MESSAGE.pack(MAGIC, handshake.PROTOCOL_VERSION, Step.PROOF, 0, bytes(32), stolen_proof))


def test_a_recorded_proof_is_useless_against_another_nonce():
    client, server = both()
    recorded = client.receive(server.receive(client.hello))

    fresh = ServerHandshake(SECRET, b"another nonce of thirty-two bytes")
    fresh.receive(client.hello)

    with pytest.raises(Refused):
        fresh.receive(recorded)


def test_a_mode_changed_on_the_way_is_found_out():
    client, server = both(mode=Mode.SYNC)
    tampered = bytearray(client.hello)
    tampered[7] = Mode.MUX

    with pytest.raises(AuthenticationError):
        client.receive(server.receive(bytes(tampered)))


def test_another_version_is_refused_and_both_versions_are_named(monkeypatch):
    monkeypatch.setattr(handshake, "PROTOCOL_VERSION", 9)
    client_of_tomorrow = ClientHandshake(SECRET, Mode.SYNC, CLIENT_NONCE)
    monkeypatch.undo()
    server = ServerHandshake(SECRET, SERVER_NONCE)

    with pytest.raises(Refused, match="client speaks protocol version 9, this process version 2") as refused:
        server.receive(client_of_tomorrow.hello)
    monkeypatch.setattr(handshake, "PROTOCOL_VERSION", 9)
    with pytest.raises(ProtocolError, match="server speaks protocol version 2, this process version 9"):
        client_of_tomorrow.receive(refused.value.farewell)


def test_no_refusal_contains_the_secret():
    client, server = both(client_secret=OTHER_SECRET)
    server.receive(client.hello)

    with pytest.raises(Refused) as refused:
        server.receive(_MESSAGE.pack(MAGIC, handshake.PROTOCOL_VERSION, Step.PROOF, 0, bytes(32), bytes(32)))

    assert SECRET not in refused.value.farewell
    assert SECRET.decode() not in str(refused.value)


@given(st.binary(min_size=MESSAGE_BYTES, max_size=MESSAGE_BYTES))
def test_72_bytes_of_anything_are_refused(noise):
    with pytest.raises(Refused):
        ServerHandshake(SECRET, SERVER_NONCE).receive(noise)


@given(st.integers(0, MESSAGE_BYTES - 1), st.integers(1, 255))
def test_a_proof_with_any_bit_changed_where_it_matters_is_refused(position, difference):
    client, server = both()
    proof = bytearray(client.receive(server.receive(client.hello)))
    proof[position] ^= difference
    matters = position < 7 or position >= MESSAGE_BYTES - 32  # detail and nonce of a PROOF are unused

    try:
        server.receive(bytes(proof))
    except Refused:
        assert matters
    else:
        assert not matters


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("step", list(Step))
def test_a_step_that_is_not_in_the_table_ends_the_handshake(state, step):
    client, server = both()
    end = server if state in (State.HELLO, State.PROOF) else client
    end.state = state
    message = _MESSAGE.pack(MAGIC, 1, step, 0, bytes(32), bytes(32))

    if step not in TRANSITIONS[state]:
        with pytest.raises((Refused, ProtocolError)):
            end.receive(message)
