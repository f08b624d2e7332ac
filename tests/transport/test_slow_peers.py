"""Peers that say a byte at a time: they end at a bound, or hold up nobody but themselves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.transport.conftest import ECHO, SECRET, World
from weaverlab.errors import DeadlineExceeded, Unreachable
from weaverlab.transport import AsyncChannel
from weaverlab.transport import server as server_module
from weaverlab.transport.sockets import connect
from weaverlab.wire import (
    ClientHandshake,
    FrameReader,
    Mode,
    ReceivedReply,
    ServerHandshake,
    encode_call,
    encode_reply,
)
from weaverlab.wire.handshake import MESSAGE_BYTES

TIMEOUT_S = 10.0
PAUSE_S = 0.005  # between two bytes; a test of a second a byte would be longer, and tell no more
LATE_S = 5.0  # generous: it shows that nothing waits for ever

pytestmark = pytest.mark.slow


def drip(sock: socket.socket, data: bytes) -> None:
    """Send one byte at a time, until all are sent or nobody takes any more."""
    with contextlib.suppress(OSError):
        for position in range(len(data)):
            sock.sendall(data[position : position + 1])
            time.sleep(PAUSE_S)


def received(sock: socket.socket) -> ReceivedReply:
    reader = FrameReader()
    while True:
        messages = reader.received(sock.recv_into(reader.buffer))
        if messages:
            assert isinstance(messages[0], ReceivedReply)
            return messages[0]


def call_frame(args: object, call_id: int = 1) -> bytes:
    head, rest = encode_call(call_id, ECHO, TIMEOUT_S, b"", b"", b"", args)
    return head + b"".join(rest)


# Slow callers


def test_a_handshake_has_a_bound_however_many_bytes_have_come(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "HANDSHAKE_TIMEOUT_S", 20 * PAUSE_S)
    world.serve()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(TIMEOUT_S)
        sock.connect(world.path)
        drip(sock, ClientHandshake(SECRET, Mode.SYNC, bytes(32)).hello)  # takes longer

        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(MESSAGE_BYTES) == b""
    assert world.was_rejected.acquire(timeout=TIMEOUT_S)
    assert world.rejected == ["the client had not proved itself after 0.1 s"]


def test_many_who_shake_hands_slowly_do_not_keep_others_out(
    world: World, monkeypatch: pytest.MonkeyPatch, in_thread: Callable
) -> None:
    monkeypatch.setattr(server_module, "UNPROVEN_MAX", 4)
    monkeypatch.setattr(server_module, "UNPROVEN_PATIENCE_S", 4 * PAUSE_S)
    world.serve()

    def dawdle() -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(world.path)
            drip(sock, ClientHandshake(SECRET, Mode.SYNC, bytes(32)).hello[:-1])

    dawdlers = [in_thread(dawdle) for _ in range(16)]
    answers = [world.pool().call(ECHO, number, TIMEOUT_S).value for number in range(5)]

    assert answers == list(range(5))
    assert [dawdler() for dawdler in dawdlers] == [None] * 16


@pytest.mark.parametrize("mode", list(Mode))
def test_a_slow_caller_is_answered_and_others_do_not_wait_for_it(world: World, mode: Mode, in_thread: Callable) -> None:
    world.serve()
    pool = world.pool()
    pool.call(ECHO, "warm", TIMEOUT_S)
    with connect(world.address, SECRET, mode, TIMEOUT_S) as slow:
        slow.settimeout(TIMEOUT_S)
        dripping = in_thread(drip, slow, call_frame("slow"))
        others = 0
        while "slow" not in world.methods.executed:
            assert pool.call(ECHO, others, TIMEOUT_S).value == others
            others += 1
        assert received(slow).value == "slow"
        dripping()

    assert others > 10  # while it had time for a byte each


@pytest.mark.parametrize("mode", list(Mode))
def test_a_caller_that_stops_in_the_middle_of_a_large_frame_holds_nobody_but_itself(world: World, mode: Mode) -> None:
    server = world.serve()
    threads_before = threading.active_count()
    frame = call_frame((bytes(1 << 20),))
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            slow = stack.enter_context(connect(world.address, SECRET, mode, TIMEOUT_S))
            slow.sendall(frame[: len(frame) // 2])
        assert world.pool().call(ECHO, "quick", TIMEOUT_S).value == "quick"
        assert threading.active_count() <= threads_before + 8 + 2  # theirs, the pool's and the loop's
        began_s = time.monotonic()
        server.stop(TIMEOUT_S)  # does not wait for what may never come
        assert time.monotonic() - began_s < LATE_S

    assert world.methods.executed == ["quick"]


def test_a_caller_that_reads_slowly_gets_its_answer_and_others_do_not_wait_for_it(world: World) -> None:
    world.serve()
    value = bytes(4 << 20)  # more than the kernel keeps for it
    with connect(world.address, SECRET, Mode.MUX, TIMEOUT_S) as slow:
        slow.settimeout(TIMEOUT_S)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(call_frame((value,)))
        slow.recv(1)
        for number in range(20):
            assert world.pool().call(ECHO, number, TIMEOUT_S).value == number


# Slow servers


@contextmanager
def slow_server(world: World, in_thread: Callable, slowly: Callable[[socket.socket], None]) -> Iterator[None]:
    """Listen, and treat one client slowly until it goes."""

    def serve() -> None:
        sock, _ = listener.accept()
        with sock, contextlib.suppress(OSError):
            sock.settimeout(TIMEOUT_S)
            slowly(sock)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()
        served = in_thread(serve)
        yield
        served()


def answered(world: World, mode: Mode, timeout_s: float) -> object:
    """Make one call, blocking or awaited."""
    if mode is Mode.SYNC:
        pool = world.pool()
        try:
            return pool.call(ECHO, (), timeout_s).value
        finally:
            pool.close()

    async def call() -> object:
        channel = AsyncChannel(world.address, SECRET)
        try:
            return (await channel.call(ECHO, (), timeout_s)).value
        finally:
            channel.close()
            await asyncio.sleep(0)

    return asyncio.run(call())


def shake_hands(sock: socket.socket, say: Callable[[socket.socket, bytes], None]) -> None:
    server = ServerHandshake(SECRET, bytes(32))
    while not server.is_done:
        say(sock, server.receive(sock.recv(MESSAGE_BYTES, socket.MSG_WAITALL)))
    sock.recv(1 << 16)  # the call


@pytest.mark.parametrize("mode", list(Mode))
def test_an_answer_that_comes_a_byte_at_a_time_arrives(world: World, mode: Mode, in_thread: Callable) -> None:
    def slowly(sock: socket.socket) -> None:
        shake_hands(sock, drip)
        drip(sock, encode_reply(1, True, b"lineage", "slow")[0])

    with slow_server(world, in_thread, slowly):
        assert answered(world, mode, TIMEOUT_S) == "slow"


@pytest.mark.parametrize("mode", list(Mode))
def test_a_deadline_is_kept_while_a_large_answer_comes_a_byte_at_a_time(
    world: World, mode: Mode, in_thread: Callable
) -> None:
    def slowly(sock: socket.socket) -> None:
        shake_hands(sock, lambda sock, data: sock.sendall(data))
        head, rest = encode_reply(1, True, b"", bytes(1 << 20))
        drip(sock, head + rest[0])

    began_s = time.monotonic()
    with slow_server(world, in_thread, slowly), pytest.raises(DeadlineExceeded) as caught:
        answered(world, mode, 0.3)

    assert caught.value.maybe_executed
    assert time.monotonic() - began_s < LATE_S


@pytest.mark.parametrize("mode", list(Mode))
def test_a_server_that_shakes_hands_too_slowly_is_unreachable_at_the_deadline(
    world: World, mode: Mode, in_thread: Callable
) -> None:
    began_s = time.monotonic()
    with (
        slow_server(world, in_thread, lambda sock: shake_hands(sock, drip)),
        pytest.raises((Unreachable, DeadlineExceeded)) as caught,
    ):
        answered(world, mode, 0.1)

    assert not caught.value.maybe_executed
    assert time.monotonic() - began_s < LATE_S
