"""Nothing is unpickled of a peer that has not proved itself, nor out of a frame that is refused."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fuzz.bomb import Bomb
from tests.fuzz.recording import SECRET as OTHER_SECRET
from tests.fuzz.recording import recorded
from tests.transport.conftest import ECHO, SECRET, World
from weaverlab.errors import AuthenticationError, CallLost, ProtocolError, WeaverError
from weaverlab.transport import AsyncChannel
from weaverlab.transport.sockets import connect
from weaverlab.wire import ClientHandshake, Kind, Mode, ServerHandshake
from weaverlab.wire.frames import Flag
from weaverlab.wire.handshake import MESSAGE_BYTES

NONCE = bytes(range(32))
TIMEOUT_S = 5.0


@pytest.fixture
def bomb(tmp_path: Path) -> Bomb:
    return Bomb(tmp_path / "mark")


def speak(world: World, say: Callable[[socket.socket], None]) -> bytes:
    """Connect, say something, and return all that the server answers until it closes."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect(world.path)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            say(sock)
            sock.shutdown(socket.SHUT_WR)
            answer = b""
            while chunk := sock.recv(1 << 16):
                answer += chunk
            return answer
    return b""


def hello_and_proof(sock: socket.socket, mode: Mode, secret: bytes, spoiled_bit: int | None = None) -> bytes:
    """Say HELLO, read the challenge, and return what a client with `secret` would say next."""
    client = ClientHandshake(secret, mode, NONCE)
    sock.sendall(client.hello)
    challenge = sock.recv(MESSAGE_BYTES, socket.MSG_WAITALL)
    if secret != SECRET:  # such a client would not go on; a hostile one does
        challenge = ServerHandshake(secret, challenge[8:40]).receive(client.hello)
    proof = bytearray(client.receive(challenge))
    if spoiled_bit is not None:
        proof[-1 - spoiled_bit // 8] ^= 1 << spoiled_bit % 8
    return bytes(proof)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_server_unpickles_nothing_before_the_proof(world: World, bomb: Bomb, mode: Mode) -> None:
    world.serve()
    frame = bomb.frame(method=ECHO)
    hello = ClientHandshake(SECRET, mode, NONCE).hello

    strangers: list[Callable[[socket.socket], None]] = [
        lambda sock: sock.sendall(frame * 3),
        lambda sock: sock.sendall(hello + frame * 3),
        lambda sock: sock.sendall(hello + bytes(MESSAGE_BYTES) + frame),
        lambda sock: sock.sendall(hello * 2 + frame),
        lambda sock: sock.sendall(b"".join(recorded(mode).client.handshake) + frame),  # replayed
        lambda sock: sock.sendall(hello_and_proof(sock, mode, OTHER_SECRET) + frame),
        lambda sock: sock.sendall(hello_and_proof(sock, mode, SECRET)[1:] + frame),
        *(
            lambda sock, bit=bit: sock.sendall(hello_and_proof(sock, mode, SECRET, bit) + frame)  # type: ignore[misc]
            for bit in range(256)
        ),
    ]
    for stranger in strangers:
        speak(world, stranger)
        assert world.was_rejected.acquire(timeout=TIMEOUT_S)

    assert not bomb.has_gone_off
    assert len(world.rejected) == len(strangers)
    speak(world, lambda sock: sock.sendall(hello_and_proof(sock, mode, SECRET) + frame))
    assert bomb.has_gone_off  # so it would have, had one of them been let in


REFUSED_BY_SERVERS = {
    "a flag that there is not": {"flags": 0x80},
    "a kind that there is not": {"kind": 99},
    "a reply": {"kind": Kind.REPLY},
    "a notice with a body": {"kind": Kind.CANCEL},
    "a part longer than its body": {"flags": Flag.TRACE},
    "buffers that are no numbers": {"flags": Flag.BUFFERS},
}


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("fault", REFUSED_BY_SERVERS)
def test_a_server_unpickles_no_frame_that_it_refuses_and_none_behind_it(
    world: World, bomb: Bomb, mode: Mode, fault: str
) -> None:
    world.serve()
    with connect(world.address, SECRET, mode, TIMEOUT_S) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.sendall(bomb.frame(**REFUSED_BY_SERVERS[fault]) + bomb.frame(method=ECHO))  # type: ignore[arg-type]

        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""

    assert not bomb.has_gone_off


@contextlib.contextmanager
def impostor(world: World, answer: Callable[[socket.socket], None], in_thread: Callable) -> Iterator[None]:
    """Listen where a server would, and give one client `answer`."""

    def serve() -> None:
        sock, _ = listener.accept()
        with sock, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sock.settimeout(TIMEOUT_S)
            answer(sock)
            sock.shutdown(socket.SHUT_WR)
            sock.recv(1 << 16)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()
        served = in_thread(serve)
        yield
        assert served() is None


def answered(world: World, mode: Mode) -> object:
    """Make one call, blocking or awaited, and unpickle its answer."""
    if mode is Mode.SYNC:
        pool = world.pool()
        try:
            return pool.call(ECHO, (), TIMEOUT_S).value
        finally:
            pool.close()

    async def call() -> object:
        channel = AsyncChannel(world.address, SECRET)
        try:
            return (await channel.call(ECHO, (), TIMEOUT_S)).value
        finally:
            channel.close()
            await asyncio.sleep(0)

    return asyncio.run(call())


def shake_hands(sock: socket.socket, secret: bytes) -> None:
    server = ServerHandshake(secret, NONCE)
    while not server.is_done:
        sock.sendall(server.receive(sock.recv(MESSAGE_BYTES, socket.MSG_WAITALL)))


@pytest.mark.parametrize("mode", list(Mode))
def test_a_client_unpickles_nothing_before_the_servers_proof(
    world: World, bomb: Bomb, mode: Mode, in_thread: Callable
) -> None:
    reply = bomb.frame(Kind.REPLY) * 2

    def with_wrong_secret(sock: socket.socket) -> None:
        server = ServerHandshake(OTHER_SECRET, NONCE)
        sock.sendall(server.receive(sock.recv(MESSAGE_BYTES)) + b"".join(recorded(mode).server.handshake[1:]) + reply)

    impostors: list[Callable[[socket.socket], None]] = [
        lambda sock: sock.sendall(reply),
        lambda sock: sock.sendall(b"".join(recorded(mode).server.handshake) + reply),  # replayed
        lambda sock: sock.sendall(ServerHandshake(SECRET, NONCE).receive(sock.recv(MESSAGE_BYTES)) + reply),
        with_wrong_secret,
    ]
    for answer in impostors:
        Path(world.path).unlink(missing_ok=True)
        with impostor(world, answer, in_thread), pytest.raises((AuthenticationError, ProtocolError)):
            answered(world, mode)

    assert not bomb.has_gone_off
    Path(world.path).unlink()
    with impostor(world, lambda sock: answer_call(sock, bomb.frame(Kind.REPLY)), in_thread):
        answered(world, mode)
    assert bomb.has_gone_off  # as the answer of a server that has proved itself


def answer_call(sock: socket.socket, reply: bytes) -> None:
    shake_hands(sock, SECRET)
    sock.recv(1 << 16)
    sock.sendall(reply)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("fault", [{"flags": 0x80}, {"kind": 99}, {"kind": Kind.CALL}, {"flags": Flag.LINEAGE}])
def test_a_client_unpickles_no_frame_that_it_refuses(
    world: World, bomb: Bomb, mode: Mode, fault: dict[str, int], in_thread: Callable
) -> None:
    reply = bomb.frame(**{"kind": Kind.REPLY, **fault})

    with impostor(world, lambda sock: answer_call(sock, reply), in_thread), pytest.raises(WeaverError) as caught:
        answered(world, mode)

    assert isinstance(caught.value, CallLost)
    assert not bomb.has_gone_off
