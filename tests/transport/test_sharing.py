"""Large values between the two ends of a connection: through shared memory where there is any, right in any case."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from tests.transport.conftest import ECHO, IGNORE, SECRET, Methods, World, descriptors
from tests.transport.holders import segments_of, used_granules, wait_until
from weaverlab.transport import AsyncChannel, Call, Reply, segments, sharing
from weaverlab.transport.segments import GRANULES, Incoming
from weaverlab.wire import encode_reply

LARGE = sharing.SHARED_BYTES_MIN
MiB = 1024 * 1024


class Echo(Methods):
    """Keeps nothing of what it is sent."""

    def _reply(self, call: Call) -> Reply:
        args = call.args()
        return Reply(True, b"", None if call.method == IGNORE else args)


@pytest.fixture
def world(world: World) -> World:
    world.methods = Echo()
    return world


@pytest.fixture
def unmapped(monkeypatch):
    """A machine on which no process sees another one's descriptors, as between containers."""

    def refuse(self, pid, number):
        raise PermissionError("as asked")

    monkeypatch.setattr(Incoming, "__init__", refuse)


def test_the_first_large_value_goes_through_the_socket_and_the_next_through_memory(world, placed):
    world.serve()
    pool, array = world.pool(), numpy.arange(MiB // 8)

    for number in range(3):
        (returned,) = pool.call(ECHO, (array,), 5.0).value
        assert (returned == array).all()
        assert returned.flags.writeable
        # The request of the first call made the server map the client's segment, its reply the client the server's.
        assert placed == [MiB] * 2 * number

    pool.call(ECHO, (array[: LARGE // 8 - 1], b"small"), 5.0)
    assert len(placed) == 4


async def test_the_same_holds_for_awaited_calls(world, placed):
    world.serve()
    channel, array = AsyncChannel(world.address, SECRET), numpy.arange(MiB // 8)

    for number in range(3):
        (returned,) = (await channel.call(ECHO, (array,), 5.0)).value
        assert (returned == array).all()
        assert placed == [MiB] * 2 * number
    channel.close()


@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_large_bytes_keep_their_type_on_either_way(world, kind):
    world.serve()
    pool, value = world.pool(), kind(os.urandom(MiB))

    for _ in range(3):
        (returned,) = pool.call(ECHO, (value,), 5.0).value
        assert type(returned) is kind
        assert returned == value


def test_a_callee_that_changes_its_array_changes_nobody_elses(world, placed):
    class Scribbler(Methods):
        def call(self, call: Call) -> Reply:
            (array,) = call.args()
            array[:] = -1
            return Reply(True, b"", array)

    world.methods = Scribbler()
    world.serve()
    pool, array = world.pool(), numpy.arange(MiB // 8)

    for _ in range(3):
        first = pool.call(ECHO, (array,), 5.0).value
        second = pool.call(ECHO, (array,), 5.0).value
        first[:] = 7

        assert array[5] == 5
        assert (second == -1).all()
    assert placed


def test_arrays_that_are_kept_stay_right_while_thousands_of_calls_go_on(world, placed):
    kept: list[numpy.ndarray] = []

    class Keeper(Methods):
        def call(self, call: Call) -> Reply:
            (array,) = call.args()
            if call.method == ECHO:
                kept.append(array)
            return Reply(True, b"", len(kept))

    world.methods = Keeper()
    world.serve()
    pool = world.pool()
    for number in range(300):
        pool.call(ECHO, (numpy.full(MiB // 8 + 1, number),), 5.0)
    for number in range(2000):
        pool.call(ECHO + 1, (numpy.full(LARGE // 8, number),), 5.0)

    assert all((array == number).all() for number, array in enumerate(kept))
    seventeen_granules_each = GRANULES // 17  # and the rest through the socket, for want of room
    assert placed == [MiB + 8] * seventeen_granules_each + [LARGE] * 2000
    kept.clear()


def test_a_peer_that_cannot_map_gets_everything_through_the_socket(world, unmapped, placed):
    world.serve()
    pool, array = world.pool(), numpy.arange(MiB // 8)

    for _ in range(5):
        assert (pool.call(ECHO, (array,), 5.0).value[0] == array).all()
    assert placed == []


def test_a_system_without_such_memory_does_without(world, placed, monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    world.serve()
    pool, array = world.pool(), numpy.arange(MiB // 8)

    for _ in range(3):
        assert (pool.call(ECHO, (array,), 5.0).value[0] == array).all()
    assert placed == []


@pytest.mark.parametrize("is_async", [False, True], ids=["blocking", "awaited"])
def test_arguments_are_freed_when_the_call_is_answered_and_not_when_the_next_one_comes(world, placed, is_async):
    world.serve()
    pool, array = world.pool(), numpy.arange(MiB // 8)

    async def calls() -> None:
        channel = AsyncChannel(world.address, SECRET)
        for _ in range(3):
            await channel.call(IGNORE, (array,), 5.0)
        await asyncio.to_thread(wait_until, lambda: not used_granules())
        channel.close()

    if is_async:
        asyncio.run(calls())
    else:
        for _ in range(3):
            pool.call(IGNORE, (array,), 5.0)

    wait_until(lambda: not used_granules())
    assert placed == [MiB] * 2


def test_a_socket_to_another_host_announces_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as sock:
        end = sharing.Sharing(sock)
        pieces = encode_reply(1, True, b"", numpy.zeros(MiB))

        assert end.place(pieces) == pieces
        end.announced(0)


def test_descriptors_and_memory_stay_level_over_a_thousand_large_calls(world):
    world.serve()
    pool, array = world.pool(), numpy.arange(2 * LARGE // 8)
    for _ in range(3):
        pool.call(ECHO, (array,), 5.0)
    before, mapped = descriptors(), segments_of()

    for _ in range(1000):
        pool.call(ECHO, (array,), 5.0)

    assert (descriptors(), segments_of()) == (before, mapped)


def test_when_the_connections_end_so_do_their_segments(world, placed):
    others, server = segments_of(), world.serve()
    pool, array = world.pool(), numpy.arange(MiB // 8)
    replies = [pool.call(ECHO, (array,), 5.0).value[0] for _ in range(3)]
    assert len(segments_of() - others) == 2

    pool.close()
    server.stop(1.0)
    assert all((reply == array).all() for reply in replies)
    assert len(segments_of() - others) == 1  # the one that still holds replies

    del replies
    assert segments_of() - others == set()


def test_many_threads_with_large_values_get_their_own(world):
    world.serve()
    pool = world.pool()
    barrier = threading.Barrier(8)

    def calls(caller: int) -> bool:
        barrier.wait(10)
        mine = numpy.full(MiB // 8, caller)
        return all((pool.call(ECHO, (mine, number), 10.0).value[0] == mine).all() for number in range(30))

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(calls, range(8)))


def test_large_requests_are_counted_as_large_whichever_way_they_go(world):
    world.serve()
    pool, array = world.pool(), numpy.arange(MiB // 8)

    for _ in range(3):
        reply = pool.call(ECHO, (array,), 5.0)
        assert MiB < reply.request_bytes < MiB + 1000
        assert MiB < reply.value_bytes < MiB + 1000


def test_a_process_that_has_mapped_its_share_does_without_more(world, placed, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENTS_MAX", len(segments._incoming))
    world.serve()
    pool, array = world.pool(), numpy.arange(MiB // 8)

    for _ in range(3):
        assert (pool.call(ECHO, (array,), 5.0).value[0] == array).all()
    assert placed == []
