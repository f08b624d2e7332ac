"""Waiting inside of a server, against one that never gets there: how long it takes, on a clock of the test."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.stores.real import toml_of
from weaverlab.antipode import Dependency
from weaverlab.clock import SystemClock
from weaverlab.config import parse
from weaverlab.stores import Host, Pools
from weaverlab.stores.server import ServerStore


class Clock(SystemClock):
    """Time passes only where somebody waits."""

    passed_s = 0.0

    def now_s(self) -> float:
        return self.passed_s

    def sleep(self, duration_s: float) -> None:
        self.passed_s += duration_s


class FarBehind:
    """A driver and a log in one: the server knows of every write, and has none of them."""

    has_native_wait = True

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def connect(self, endpoint: Any, timeout_s: float) -> socket.socket:
        return socket.socket()

    def limit(self, connection: socket.socket, timeout_s: float) -> None: ...

    def log(self, connection: socket.socket) -> FarBehind:
        return self

    def position(self, dependency: Dependency) -> int:
        return 0

    def current(self, dependency: Dependency) -> Dependency:
        return dependency

    def wait(self, connection: socket.socket, wanted: Dependency, timeout_s: float) -> None:
        assert timeout_s > 0  # to some servers, no time is no limit
        self._clock.sleep(timeout_s)


@pytest.fixture
def pools() -> Iterator[Pools]:
    made = Pools()
    yield made
    made.close()


def test_a_barrier_for_several_histories_takes_no_longer_than_one_for_a_single_one(pools: Pools):
    config = parse(toml_of({"type": "mariadb", "servers": {"eu": "a:1", "us": "b:1"}})).antipode["posts"]
    clock = Clock()
    store = ServerStore(FarBehind(clock), config, "us", "", Host(region="us", clock=clock), pools)
    wanted = [Dependency("posts", f"0-{server}", 1) for server in range(5)]

    assert store.wait(wanted, timeout_s=0.7) == dict.fromkeys(wanted, 0)

    assert clock.passed_s == pytest.approx(0.7)
