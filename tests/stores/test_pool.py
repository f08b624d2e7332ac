"""Connections are shared, bounded, never used again after trouble, and never shared with a forked child."""

from __future__ import annotations

import os
import socket

import pytest

from weaverlab.clock import SystemClock
from weaverlab.errors import StoppedError, Unreachable
from weaverlab.stores.pool import Endpoint, Pool, Pools


class Opened(Pool[socket.socket]):
    """A pool of connections to nobody: `ends` are the other ends, which a server would have."""

    def __init__(self, connections_max: int = 2) -> None:
        super().__init__(self.open, connections_max)
        self.ends: list[socket.socket] = []

    def open(self, timeout_s: float) -> socket.socket:
        here, there = socket.socketpair()
        self.ends.append(there)
        return here


@pytest.fixture
def pool():
    made = Opened()
    yield made
    made.close()
    for end in made.ends:
        end.close()


def test_the_connection_used_last_is_used_next(pool):
    with pool.connection(1) as first:
        pass
    with pool.connection(1) as second:
        assert second is first


def test_a_connection_that_an_exception_left_is_closed(pool):
    with pytest.raises(KeyError), pool.connection(1) as first:
        raise KeyError

    assert first.fileno() == -1


@pytest.mark.parametrize("end", [lambda end: end.close(), lambda end: end.send(b"bye")])
def test_a_connection_that_the_server_ended_or_spoke_on_meanwhile_is_not_used_again(pool, end):
    with pool.connection(1) as first:
        pass
    end(pool.ends[0])

    with pool.connection(1) as second:
        assert second is not first


def test_who_finds_all_connections_in_use_waits_and_is_then_told(pool):
    with (
        pool.connection(1),
        pool.connection(1),
        pytest.raises(Unreachable, match="all 2 connections") as raised,
        pool.connection(0.01),
    ):
        pass

    assert not raised.value.maybe_executed


def test_a_closed_pool_lends_nothing_and_closes_what_comes_back(pool):
    with pool.connection(1) as lent:
        pool.close()

    assert lent.fileno() == -1
    with pytest.raises(StoppedError), pool.connection(1):
        pass


def test_a_forked_child_opens_connections_of_its_own(pool):
    with pool.connection(1) as parents:
        pass

    child = os.fork()
    if child == 0:
        with pool.connection(1) as own:
            os._exit(0 if own is not parents and parents.fileno() > 0 else 1)

    assert os.waitpid(child, 0)[1] == 0
    with pool.connection(1) as still:
        assert still is parents


def test_stores_on_one_server_share_connections_and_others_do_not():
    pools = Pools()
    here, there = Endpoint("redis", "h:1", password="x"), Endpoint("redis", "h:1", password="y")

    shared = pools.pool(here, "read", lambda endpoint, timeout_s: socket.socket())

    assert pools.pool(here, "read", lambda endpoint, timeout_s: socket.socket()) is shared
    assert pools.pool(here, "wait", lambda endpoint, timeout_s: socket.socket()) is not shared
    assert pools.pool(there, "read", lambda endpoint, timeout_s: socket.socket()) is not shared


def test_one_polls_a_server_for_all_stores_of_a_process():
    pools = Pools()

    assert pools.poll(Endpoint("redis", "h:1"), SystemClock) is pools.poll(Endpoint("redis", "h:1"), SystemClock)
    assert pools.poll(Endpoint("redis", "h:2"), SystemClock) is not pools.poll(Endpoint("redis", "h:1"), SystemClock)


def test_an_endpoint_does_not_show_its_password():
    endpoint = Endpoint("mariadb", "[::1]:3306", "ann", "hunter2")

    assert "hunter2" not in repr(endpoint)
    assert (endpoint.host, endpoint.port, endpoint.is_socket) == ("::1", 3306, False)
    assert Endpoint("mariadb", "/run/m.sock").is_socket
