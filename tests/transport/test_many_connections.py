"""Ten thousand connections, opened and dropped at every stage: nothing of them stays, and others are served."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.transport.conftest import ECHO, IGNORE, SECRET, World, descriptors
from weaverlab.transport.sockets import connect
from weaverlab.wire import ClientHandshake, Mode, encode_call

CONNECTIONS = 10_000
AT_ONCE = 4
TIMEOUT_S = 10.0

HELLO = ClientHandshake(SECRET, Mode.SYNC, bytes(32)).hello
CALL = encode_call(1, IGNORE, TIMEOUT_S, b"", b"", b"", ("dropped",))[0]


def stranger(world: World, say: bytes) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(world.path)
    sock.sendall(say)
    return sock


def friend(world: World, mode: Mode, say: bytes) -> socket.socket:
    sock = connect(world.address, SECRET, mode, TIMEOUT_S)
    sock.sendall(say)
    return sock


STAGES: list[Callable[[World], socket.socket]] = [
    lambda world: stranger(world, b""),
    lambda world: stranger(world, HELLO[:30]),
    lambda world: stranger(world, HELLO),
    lambda world: stranger(world, HELLO + bytes(72)),
    lambda world: friend(world, Mode.SYNC, b""),
    lambda world: friend(world, Mode.SYNC, CALL[:30]),
    lambda world: friend(world, Mode.SYNC, CALL),
    lambda world: friend(world, Mode.MUX, b""),
    lambda world: friend(world, Mode.MUX, CALL[:30]),
    lambda world: friend(world, Mode.MUX, CALL * 3),
]


@pytest.mark.slow
def test_ten_thousand_connections_leave_nothing_behind_and_disturb_nobody(world: World) -> None:
    world.serve()
    friend(world, Mode.MUX, CALL).close()  # so that the server has its loop
    assert world.pool().call(ECHO, "first", TIMEOUT_S).ok
    threads_before, descriptors_before = threading.active_count(), descriptors()
    is_over = threading.Event()

    def drop(number: int) -> None:
        STAGES[number % len(STAGES)](world).close()

    def go_on_calling() -> int:
        calls = 0
        while not is_over.is_set() or not calls:
            pool = world.pool()  # it has to connect, too
            assert pool.call(ECHO, calls, TIMEOUT_S).value == calls
            pool.close()
            calls += 1
        return calls

    with ThreadPoolExecutor(AT_ONCE + 1) as threads:
        calling = threads.submit(go_on_calling)
        for _ in threads.map(drop, range(CONNECTIONS)):
            pass
        is_over.set()
        assert calling.result(TIMEOUT_S) > 10

    def is_settled() -> bool:
        return threading.active_count() <= threads_before and descriptors() <= descriptors_before

    ends_s = time.monotonic() + TIMEOUT_S
    while not is_settled() and time.monotonic() < ends_s:
        time.sleep(0.01)
    assert is_settled()
