"""What one process knows about the weavelets it calls: from tables, and from calls that failed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.runtime.peers import HandClock, links, member, table
from tests.transport.conftest import ECHO, World
from weaverlab.errors import StoppedError
from weaverlab.routing import Member
from weaverlab.runtime.links import SUSPICION_S


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack)


def test_a_newer_table_replaces_the_one_that_is_known_and_an_older_one_does_not() -> None:
    known = links(member(0))
    newer, older = table(3, member(0), member(1)), table(2, member(2))

    known.update(newer)
    known.update(older)
    known.update(table(3))

    assert known.table is newer


def test_a_replica_that_is_given_up_is_so_in_what_is_open_and_in_what_is_opened_later() -> None:
    known = links(member(0), member(1), member(2))
    opened = known.peer(member(0))

    known.update(table(2, member(0, False), member(1, False), member(2)))

    assert opened.pool.is_given_up
    assert known.peer(member(1)).pool.is_given_up
    assert not known.peer(member(2)).pool.is_given_up


def test_nobody_is_given_up_while_all_are_unhealthy_and_whoever_answers_again_is_so_no_longer() -> None:
    known = links(member(0), member(1))
    peer = known.peer(member(0))

    known.update(table(2, member(0, False), member(1, False)))
    assert not peer.pool.is_given_up
    known.update(table(3, member(0, False), member(1)))
    assert peer.pool.is_given_up
    known.update(table(4, member(0), member(1)))
    assert not peer.pool.is_given_up


def test_a_deployers_own_questions_are_never_given_up() -> None:
    known = links(member(0), member(1))
    control = known.peer(member(0), for_control=True)

    known.update(table(2, member(0, False), member(1)))

    assert not control.pool.is_given_up
    assert known.peer(member(0)) is not control


async def test_channels_are_given_up_and_taken_back_like_pools() -> None:
    known = links(member(0), member(1))
    channel = known.channel(member(0).address)

    known.update(table(2, member(0, False), member(1, False), member(2)))
    await asyncio.sleep(0)

    assert channel.is_given_up
    assert known.channel(member(1).address).is_given_up
    known.update(table(3, member(0), member(1)))
    await asyncio.sleep(0)
    assert not channel.is_given_up


async def test_a_replica_that_is_gone_is_forgotten_and_its_connections_are_closed(world: World) -> None:
    server = world.serve()
    here = Member("Shop/0", world.address)
    known = links(here)
    pool, channel = known.peer(here).pool, known.channel(here.address)
    await asyncio.to_thread(pool.call, ECHO, 1, 5.0)
    await channel.call(ECHO, 1, 5.0)

    known.update(table(2, member(1)))

    while not repr(server).endswith("sync=0, mux=0)"):
        await asyncio.sleep(0.001)
    assert known.peer(here).pool is not pool
    assert known.channel(here.address) is not channel
    known.close("the test is over")


def test_a_loop_that_has_been_closed_keeps_no_connection(world: World) -> None:
    server = world.serve()
    here = Member("Shop/0", world.address)
    known = links(here)

    async def call() -> None:
        await known.channel(here.address).call(ECHO, 1, 5.0)

    asyncio.run(call())
    known.update(table(2, member(1)))
    asyncio.run(call())
    asyncio.run(call())  # the next loop cleans up after the last one
    known.close("the test is over")

    while not repr(server).endswith("sync=0, mux=0)"):
        threading.Event().wait(0.001)


def test_a_suspect_is_passed_over_for_a_moment_unless_nobody_else_is_left() -> None:
    clock = HandClock()
    known = links(member(0), member(1), clock=clock)
    first, second = known.peer(member(0)), known.peer(member(1))

    known.suspect(first.address)

    assert known.without_suspects((first, second)) == (second,)
    assert known.without_suspects((first,)) == (first,)
    clock.time_s += SUSPICION_S
    assert known.without_suspects((first, second)) == (first, second)


def test_a_suspect_of_which_the_deployer_says_that_it_answers_again_is_none() -> None:
    known = links(member(0), member(1))
    first, second = known.peer(member(0)), known.peer(member(1))
    known.suspect(first.address)

    known.update(table(2, member(0, False), member(1)))
    assert known.without_suspects((first, second)) == (second,)
    known.update(table(3, member(0), member(1)))

    assert known.without_suspects((first, second)) == (first, second)


def test_the_load_of_a_replica_is_what_it_reported_or_what_is_known_to_be_there() -> None:
    known = links(member(0))
    peer = known.peer(Member("Shop/0", member(0).address, load=3))
    assert peer.load == 3

    peer.in_flight = 5

    assert peer.load == 5


def test_closed_links_say_why_and_keep_the_first_reason() -> None:
    known = links(member(0))
    pool = known.peer(member(0)).pool

    known.close("the first reason")
    known.close("another")

    assert known.closed_because == "the first reason"
    with pytest.raises(StoppedError):
        pool.call(ECHO, 1, 1.0)
