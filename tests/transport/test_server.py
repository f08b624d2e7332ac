"""A server among strangers, descriptor shortage and shutdown. (Mutated frames: tests/fuzz.)"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import resource
import socket
import stat
import threading
import time
from collections.abc import Callable

import pytest

from tests.transport.conftest import ECHO, HOLD, IGNORE, SECRET, World, descriptors
from weaverlab.errors import CallLost, Unreachable
from weaverlab.transport import LoopThread, Server
from weaverlab.transport import server as server_module
from weaverlab.transport.sockets import connect
from weaverlab.wire import FrameReader, Kind, Message, Mode, Notice, encode_call, encode_notice, encode_reply
from weaverlab.wire.frames import HEADER

CALL = encode_call(7, IGNORE, 5.0, b"trace" * 5, b"lineage" * 9, b"metadata", ("some", 1))[0]


def stranger(world: World) -> socket.socket:
    """Return a connection that has not said anything."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(5)
    sock.connect(world.path)
    return sock


def friend(world: World, mode: Mode) -> socket.socket:
    """Return a connection after its handshake, to send anything on."""
    sock = connect(world.address, SECRET, mode, 5.0)
    sock.settimeout(5)
    return sock


def read_to_end(sock: socket.socket) -> bytes:
    """Return all that the server still sends; fails after 5 s if it neither answers nor closes."""
    data = b""
    try:
        while chunk := sock.recv(65536):
            data += chunk
    except ConnectionResetError:  # it closed without reading all that was sent
        return data
    return data


def messages_of(data: bytes) -> list[Message]:
    """Return the messages of whole frames."""
    reader = FrameReader()
    reader.buffer[: len(data)] = data
    return reader.received(len(data)) if data else []


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for something that gives no signal; at most 5 s."""
    ends_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends_s, "it did not become true within 5 s"
        time.sleep(0.001)


class Bomb:
    """Leaves a mark where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.path,)


def test_nothing_of_a_stranger_is_unpickled_and_the_reason_is_reported(world):
    server = world.serve()
    mark = f"{world.directory}/mark"
    bomb = pickle.dumps((Bomb(mark),), 5)
    attempts = [
        HEADER.pack(len(bomb), Kind.CALL, 0, 0, 1, 5_000_000) + bomb,
        bomb + bytes(100),
        b"GET / HTTP/1.1\r\n\r\n" + b" " * 100,
        bytes(10_000),
    ]
    for attempt in attempts:
        with stranger(world) as sock:
            sock.sendall(attempt)
            assert read_to_end(sock) == b""
        assert world.was_rejected.acquire(timeout=5)

    assert not os.path.exists(mark)
    assert len(world.rejected) == len(attempts)
    assert all("does not speak this protocol" in reason for reason in world.rejected)
    assert world.methods.executed == []
    assert repr(server).endswith("sync=0, mux=0)")
    with friend(world, Mode.SYNC) as sock:  # the same bytes of somebody who proved himself do leave it
        sock.sendall(HEADER.pack(len(bomb), Kind.CALL, 0, ECHO, 1, 5_000_000) + bomb)
        sock.recv(100)
    assert os.path.exists(mark)


@pytest.mark.parametrize("mode", list(Mode))
def test_a_conversation_cut_off_at_any_byte_harms_nobody(world, mode):
    world.serve()
    hello_and_proof = record(world, mode)
    for length in range(0, len(hello_and_proof) + len(CALL), 3):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(world.path)
            sock.sendall((hello_and_proof + CALL)[:length])
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(5)
            read_to_end(sock)  # it is closed, at the latest when what was sent ends
    for length in range(1, len(CALL)):
        with friend(world, mode) as sock:
            sock.sendall(CALL[:length])
            sock.shutdown(socket.SHUT_WR)
            assert read_to_end(sock) == b""

    assert world.pool().call(ECHO, 1, 5.0).value == 1


def record(world: World, mode: Mode) -> bytes:
    """Return what a client sent during one handshake; the server's nonce makes it useless the next time."""
    sent: list[bytes] = []

    class Recording(socket.socket):
        def sendall(self, data: bytes) -> None:
            sent.append(data)
            super().sendall(data)

    from weaverlab.transport import sockets

    original, sockets.open_socket = sockets.open_socket, lambda: Recording(socket.AF_UNIX)
    try:
        friend(world, mode).close()
    finally:
        sockets.open_socket = original
    return b"".join(sent)


@pytest.mark.parametrize(
    "frame",
    [
        encode_notice(Kind.GOODBYE, 1),
        encode_reply(1, True, b"", 1)[0],
        HEADER.pack(0, 77, 0, 0, 1, 0),
        HEADER.pack(4_000_000_000, Kind.CALL, 0, 0, 1, 0),
    ],
)
@pytest.mark.parametrize("mode", list(Mode))
def test_a_frame_that_is_not_a_callers_closes_the_connection_with_a_logged_reason(world, mode, frame, caplog):
    world.serve()
    with caplog.at_level(logging.WARNING, "weaverlab.transport"), friend(world, mode) as sock:
        sock.sendall(frame)

        assert read_to_end(sock) == b""
    assert "closed: " in caplog.text


def test_silent_strangers_do_not_keep_others_out(world, monkeypatch):
    monkeypatch.setattr(server_module, "UNPROVEN_MAX", 4)
    monkeypatch.setattr(server_module, "UNPROVEN_PATIENCE_S", 0.02)
    world.serve()
    strangers = [stranger(world) for _ in range(6)]

    assert world.pool().call(ECHO, 1, 5.0).value == 1

    assert len(world.rejected) >= 2  # those that had to make room
    for sock in strangers:
        sock.close()


def test_a_silent_stranger_is_cut_off_after_a_while(world, monkeypatch):
    monkeypatch.setattr(server_module, "HANDSHAKE_TIMEOUT_S", 0.05)
    world.serve()
    with stranger(world) as sock:
        assert read_to_end(sock) == b""

    assert world.was_rejected.acquire(timeout=5)
    assert world.rejected == ["the client had not proved itself after 0.05 s"]


@pytest.mark.parametrize("greet", [False, True], ids=["strangers", "friends"])
def test_connections_that_are_opened_and_dropped_leave_nothing_behind(world, greet):
    world.serve()
    world.pool().call(ECHO, 1, 5.0)
    threads_before, descriptors_before = threading.active_count(), descriptors()
    for _ in range(300):
        (friend(world, Mode.SYNC) if greet else stranger(world)).close()

    wait_until(lambda: threading.active_count() <= threads_before and descriptors() <= descriptors_before)


def test_running_out_of_descriptors_delays_new_connections_and_nothing_else(world, caplog):
    world.serve()
    pool = world.pool()
    pool.call(ECHO, 1, 5.0)
    was_logged = threading.Event()
    caplog.handler.addFilter(lambda record: was_logged.set() or True)
    late = socket.socket(socket.AF_UNIX)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    next_descriptor = os.dup(0)
    os.close(next_descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (next_descriptor, hard))
    try:
        late.connect(world.path)
        assert was_logged.wait(5)
        assert pool.call(ECHO, 2, 5.0).value == 2  # on the connection that it has
        records = len(caplog.records)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    late.sendall(bytes(72))
    late.settimeout(5)

    assert read_to_end(late) == b""
    assert "cannot accept" in caplog.text
    assert records < 5
    late.close()


def test_a_connection_too_many_is_refused_at_once_and_taken_when_another_has_ended(world, monkeypatch):
    monkeypatch.setattr(server_module, "CONNECTIONS_MAX", 3)
    server = world.serve()
    others = [friend(world, mode) for mode in (Mode.SYNC, Mode.SYNC, Mode.MUX)]
    wait_until(lambda: repr(server).endswith("sync=2, mux=1)"))

    with pytest.raises(Unreachable):
        world.pool().call(ECHO, 1, 5.0)

    assert world.rejected == ["3 connections are open, which is as many as there may be"]
    others[0].close()
    wait_until(lambda: repr(server).endswith("sync=1, mux=1)"))
    assert world.pool().call(ECHO, 1, 5.0).value == 1
    for sock in others:
        sock.close()


def test_stop_waits_for_the_call_in_flight_and_answers_it(world, in_thread):
    server, pool = world.serve(), world.pool()
    outcome = in_thread(pool.call, HOLD, "held", 10.0)
    world.methods.entered.acquire()
    stopping = in_thread(server.stop, 10.0)
    wait_until(lambda: not os.path.exists(world.path))
    world.methods.release.set()

    assert outcome().value == "held"
    stopping()


def test_stop_gives_up_on_a_call_that_takes_too_long(world, in_thread, monkeypatch):
    monkeypatch.setattr(server_module, "ABORT_JOIN_S", 0.05)  # the method's thread cannot be stopped
    server, pool = world.serve(), world.pool()
    outcome = in_thread(pool.call, HOLD, "held", 10.0)
    world.methods.entered.acquire()
    server.stop(0.02)

    error = outcome()

    assert isinstance(error, CallLost)
    assert error.maybe_executed


def test_a_call_that_crosses_the_goodbye_is_not_executed(world, in_thread):
    server = world.serve()
    with friend(world, Mode.SYNC) as sock:
        sock.sendall(encode_call(1, HOLD, 5.0, b"", b"", b"", "first")[0])
        world.methods.entered.acquire()
        stopping = in_thread(server.stop, 10.0)
        wait_until(lambda: all(connection._is_draining for connection in server._connections))
        with contextlib.suppress(BrokenPipeError):
            sock.sendall(encode_call(2, ECHO, 5.0, b"", b"", b"", "second")[0])
        world.methods.release.set()
        messages = messages_of(read_to_end(sock))
        stopping()

    assert [message.kind for message in messages] == [Kind.REPLY, Kind.GOODBYE]
    assert world.methods.executed == ["first"]


@pytest.mark.parametrize(
    ("mode", "owner", "step"),
    [
        (Mode.SYNC, server_module, "prepare"),
        (Mode.SYNC, server_module, "SyncConnection"),
        (Mode.MUX, server_module, "prepare"),
        (Mode.MUX, Server, "_loop_of_links"),
    ],
)
def test_whoever_is_let_in_while_the_server_stops_hears_that_no_call_was_executed(
    world, monkeypatch, mode, owner, step
):
    """The thread of the connection has done `step` before the stop, and goes on when all else has been stopped."""
    has_done, may_go_on = threading.Event(), threading.Event()
    original, join_threads = getattr(owner, step), Server._join_threads

    def held(*args: object) -> object:
        result = original(*args)
        has_done.set()
        assert may_go_on.wait(5)
        return result

    def let_go_on_and_join(self: Server, ends_s: float) -> None:
        may_go_on.set()
        join_threads(self, ends_s)

    server = world.serve()
    monkeypatch.setattr(owner, step, held)
    monkeypatch.setattr(Server, "_join_threads", let_go_on_and_join)
    with friend(world, mode) as sock:
        sock.sendall(encode_call(1, ECHO, 5.0, b"", b"", b"", "too late")[0])
        assert has_done.wait(5)
        server.stop(10.0)
        messages = messages_of(read_to_end(sock))

    assert messages == [Notice(Kind.GOODBYE, 0)]
    assert world.methods.executed == []
    assert world.rejected == []


def test_stop_leaves_no_thread_no_descriptor_and_no_file(world):
    threads_before, descriptors_before = threading.active_count(), descriptors()
    server = world.serve()
    pool = world.pool()
    pool.call(ECHO, 1, 5.0)
    friend(world, Mode.MUX).close()
    server.stop(1.0)
    server.stop(1.0)  # once more is harmless
    pool.close()

    assert threading.active_count() == threads_before
    assert descriptors() == descriptors_before
    assert os.listdir(world.directory) == []


def test_only_its_user_may_connect_and_a_second_server_may_not_listen(world):
    world.serve()

    assert stat.S_IMODE(os.stat(world.path).st_mode) == 0o600
    with pytest.raises(OSError, match="in use"):
        world.serve()


def test_a_server_asks_for_an_event_loop_when_the_first_async_caller_comes(world):
    loops: list[LoopThread] = []

    def begin() -> asyncio.AbstractEventLoop:
        loops.append(LoopThread("late"))
        return loops[0].loop

    server = world.serve(loop=begin)
    with friend(world, Mode.SYNC):
        wait_until(lambda: "sync=1" in repr(server))
        assert not loops
    with friend(world, Mode.MUX), friend(world, Mode.MUX):
        wait_until(lambda: repr(server).endswith("mux=2)"))
        assert len(loops) == 1

    server.stop(1.0)
    loops[0].stop()


def test_a_method_that_blocks_the_loop_cannot_hold_up_a_stop(world, monkeypatch, caplog):
    monkeypatch.setattr(server_module, "ABORT_JOIN_S", 0.05)
    loop = LoopThread("blocked")
    server = world.serve(loop=lambda: loop.loop)
    gate = threading.Event()
    with friend(world, Mode.MUX):
        wait_until(lambda: repr(server).endswith("mux=1)"))
        loop.loop.call_soon_threadsafe(gate.wait, 10)

        server.stop(drain_timeout_s=0.0)

        gate.set()
        loop.stop()
    assert "blocks its event loop" in caplog.text
