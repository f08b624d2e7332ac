"""A barrier at real servers whose task is cancelled: the caller goes on at once, and what waits ends soon after."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.stores.real import Real, admin
from weaverlab.antipode import request
from weaverlab.clock import SystemClock
from weaverlab.errors import Cancelled
from weaverlab.servers import Group
from weaverlab.stores import Antipode, Pools, server

AT_A_TIME, TIMES = 12, 3  # together more than the 32 connections that read and write, or the MAX that wait
MAX = 16
ENDS_S = 10.0  # a bound for what takes a second


class Watched:
    """What waits at servers: who has begun, and who was cancelled; none of these ends before it may."""

    def __init__(self) -> None:
        self.begun: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.cancelled: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.may_end = threading.Event()

    def wait(self, store: server.ServerStore, *args: object) -> object:
        try:
            return _wait(store, *args)
        except Cancelled:
            assert self.may_end.wait(ENDS_S)
            self.cancelled.put(None)
            raise

    def wait_here(self, store: server.ServerStore, *args: object) -> object:
        self.begun.put(None)
        return _wait_here(store, *args)


class Telling(SystemClock):
    """A clock that tells when somebody sleeps before another attempt."""

    def __init__(self) -> None:
        self.slept = threading.Event()

    def sleep(self, duration_s: float) -> None:
        self.slept.set()
        SystemClock.sleep(duration_s)


_wait, _wait_here = server.ServerStore.wait, server.ServerStore._wait_here


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    made = Watched()
    monkeypatch.setattr(server.ServerStore, "wait", lambda *args: made.wait(*args))
    monkeypatch.setattr(server.ServerStore, "_wait_here", lambda *args: made.wait_here(*args))
    monkeypatch.setattr(server, "WAITS_MAX", MAX)
    return made


@contextlib.contextmanager
def paused(group: Group) -> Iterator[None]:
    group.pause()
    try:
        yield
    finally:
        group.resume()


def sessions(group: Group) -> int:
    """Return how many sessions of clients the replica has, but the one that asks."""
    command = {
        "redis": "CLIENT LIST TYPE normal",
        "mariadb": "SELECT * FROM information_schema.processlist WHERE db = 'weaver'",
        "postgres": "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = 'weaver'",
    }[group.kind]
    [found] = admin(group, group.replicas[0], command)
    return len(found.splitlines() if group.kind == "redis" else found) - 1


def native_waits(group: Group) -> int:
    """Return how many barriers wait in the replica itself: only MariaDB's do."""
    if group.kind != "mariadb":
        return 0
    command = "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT MASTER_GTID_WAIT%'"
    return len(admin(group, group.replicas[0], command)[0])


async def until(is_so: Callable[[int], bool], count: Callable[[Group], int], group: Group) -> None:
    """Wait for what is counted at the server to be so."""
    ends_s = time.monotonic() + ENDS_S
    while not is_so(found := await asyncio.to_thread(count, group)):
        assert time.monotonic() < ends_s, f"{count.__name__}: {found}"


async def cancel_barriers(us: Antipode, watched: Watched, group: Group) -> None:
    """Begin barriers and cancel them while all of them wait."""
    watched.may_end.clear()
    barriers = [asyncio.ensure_future(us.barrier_async(timeout_s=60)) for _ in range(AT_A_TIME)]
    for _ in barriers:
        await asyncio.to_thread(watched.begun.get, timeout=ENDS_S)
    if group.kind == "mariadb":
        await until(lambda waits: waits == AT_A_TIME, native_waits, group)

    for barrier in barriers:
        barrier.cancel()
    ended = await asyncio.gather(*barriers, return_exceptions=True)

    assert [type(one) for one in ended] == [asyncio.CancelledError] * AT_A_TIME  # while every thread is held up
    watched.may_end.set()
    for _ in barriers:
        await asyncio.to_thread(watched.cancelled.get, timeout=ENDS_S)
    await until(lambda waits: waits == 0, native_waits, group)
    while not watched.begun.empty():
        watched.begun.get()


async def test_the_caller_goes_on_at_once_and_neither_threads_nor_sessions_stay(real: Real, watched: Watched):
    before = sessions(real.group)
    pools = Pools()
    own = Real(real.group, real.table, pools)
    with paused(real.group), request():
        own.posts("eu").write(real.table, "1", "hello")
        for _ in range(TIMES):
            await cancel_barriers(own.posts("us"), watched, real.group)
        in_use = sessions(real.group) - before

    assert in_use <= 2 * AT_A_TIME
    pools.close()
    await until(lambda count: count <= before, sessions, real.group)


async def test_what_comes_after_a_cancelled_barrier_is_as_if_there_had_been_none(real: Real, watched: Watched):
    us = real.posts("us")
    with paused(real.group):
        real.posts("eu").write(real.table, "1", "hello")
        await cancel_barriers(us, watched, real.group)

    assert (await us.barrier_async(timeout_s=30)).is_complete
    assert (await us.read_async(real.table, "1")).value == "hello"


async def test_nobody_goes_on_trying_to_reach_a_server_that_is_down(real: Real, watched: Watched):
    clock = Telling()
    config = real.config(servers={"eu": real.group.primary.address, "us": "127.0.0.1:1"})  # where nobody listens
    real.posts("eu").write(real.table, "1", "hello")
    barrier = asyncio.ensure_future(real.posts("us", config, clock=clock).barrier_async(timeout_s=60))
    assert await asyncio.to_thread(clock.slept.wait, ENDS_S)

    barrier.cancel()

    with pytest.raises(asyncio.CancelledError):
        await barrier
    watched.may_end.set()
    await asyncio.to_thread(watched.cancelled.get, timeout=ENDS_S)
