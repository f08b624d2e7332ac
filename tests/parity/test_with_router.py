"""`WithRouter[T]`: calls with equal keys reach one replica while none comes or goes, and another when it dies."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import NamedTuple

import pytest

import weaverlab as weaver
from weaverlab import Component, Implements, Interface, Ref, WithRouter
from weaverlab.errors import DeclarationError


class Place(NamedTuple):
    city: str
    number: int


@dataclass
class Spot:
    x: float
    y: float


class Cache(Interface):
    """Each method says which replica answered, and in which process."""

    def by_text(self, key: str, value: str = "") -> tuple[str, int]: ...
    async def by_text_later(self, key: str) -> tuple[str, int]: ...
    def anywhere(self) -> tuple[str, int]: ...


class ByKey:
    def by_text(self, key: str, value: str = "") -> str:
        return key.lower()

    def by_text_later(self, key: str) -> str:
        return key.lower()


class CacheEU(Implements[Cache], WithRouter[ByKey]):
    def by_text(self, key: str, value: str = "") -> tuple[str, int]:
        return self.anywhere()

    async def by_text_later(self, key: str) -> tuple[str, int]:
        return self.anywhere()

    def anywhere(self) -> tuple[str, int]:
        return self.weaver.replica, os.getpid()


class Reader(Component):
    cache: Ref[Cache]

    def by_text(self, key: str) -> tuple[str, int]:
        return self.cache.by_text(key)


KEYS = [f"key {number}" for number in range(40)]


async def test_equal_keys_lead_to_one_replica_whoever_calls_and_others_in_turn_to_all(deployer: str) -> None:
    with weaver.deploy(Reader, deployer=deployer, replicas={Cache: 3}) as app:
        cache, reader = app.get(Cache), app.get(Reader)
        replicas = {replica.id for replica in app.replicas(Cache)}

        owners = {key: cache.by_text(key) for key in KEYS}

        for key, owner in owners.items():
            assert cache.by_text(key.upper(), value="x") == owner  # its router says that these are equal
            assert reader.by_text(key) == owner
            assert await cache.by_text_later(key) == owner
        assert {replica for replica, _ in owners.values()} == replicas
        assert {cache.anywhere()[0] for _ in range(len(replicas))} == replicas


class ByInt:
    def at(self, key: int) -> int:
        return key


class ByFloat:
    def at(self, key: float) -> float:
        return key


class ByTuple:
    def at(self, key: int) -> tuple[int, str]:
        return key, "same"


class ByPlace:
    def at(self, key: int) -> Place:
        return Place("Lisbon", key)


class BySpot:
    def at(self, key: int) -> Spot:
        return Spot(key, 0.5)


class Teller(Component):
    def at(self, key: int) -> str:
        return self.weaver.replica


class IntTeller(Teller, WithRouter[ByInt]): ...


class FloatTeller(Teller, WithRouter[ByFloat]): ...


class TupleTeller(Teller, WithRouter[ByTuple]): ...


class PlaceTeller(Teller, WithRouter[ByPlace]): ...


class SpotTeller(Teller, WithRouter[BySpot]): ...


TELLERS = [IntTeller, FloatTeller, TupleTeller, PlaceTeller, SpotTeller]


def test_keys_are_numbers_text_and_flat_tuples_named_tuples_and_dataclasses_of_those(deployer: str) -> None:
    with weaver.deploy(*TELLERS, deployer=deployer, replicas={teller: 2 for teller in TELLERS}) as app:
        for teller in TELLERS:
            owners = [app.get(teller).at(key) for key in range(20)]

            assert [app.get(teller).at(key) for key in range(20)] == owners
            assert set(owners) == {replica.id for replica in app.replicas(teller)}


@pytest.mark.parametrize("deployer", ["multi"], indirect=True)  # where a replica can die alone
def test_when_a_replica_dies_its_keys_go_to_others_at_once_and_the_rest_stays(deployer: str) -> None:
    with weaver.deploy(CacheEU, deployer=deployer, replicas={Cache: 3}) as app:
        cache = app.get(Cache)
        before = {key: cache.by_text(key) for key in KEYS}
        dead, pid = before[KEYS[0]]

        os.kill(pid, signal.SIGKILL)
        after = {key: cache.by_text(key) for key in KEYS}  # no call fails

        assert {pid for _, pid in before.values()} - {pid for _, pid in after.values()} == {pid}
        assert all(after[key] == owner for key, owner in before.items() if owner[0] != dead)


def test_wrong_routers_are_errors_when_the_component_is_defined(deployer: str) -> None:
    class Wrong:
        def by_txt(self, key: str) -> str: ...
        def by_text(self, key: str) -> list[str]: ...
        def by_text_later(self, name: str) -> str: ...

    with pytest.raises(DeclarationError) as caught:

        class CacheUS(CacheEU, WithRouter[Wrong]): ...

        weaver.deploy(CacheUS, deployer=deployer)  # is not reached

    faults = "\n".join(caught.value.faults)
    assert "by_txt" in faults and "Did you mean 'by_text'" in faults
    assert "list[str]" in faults
    assert "(self, key)" in faults and "(self, name)" in faults
    assert len(caught.value.faults) == 4


def test_keys_of_different_types_in_one_router_are_an_error_when_the_component_is_defined(deployer: str) -> None:
    class Mixed:
        def by_text(self, key: str, value: str = "") -> str: ...
        def by_text_later(self, key: str) -> int: ...

    with pytest.raises(DeclarationError, match=r"Mixed.*str.*int"):

        class CacheUS(CacheEU, WithRouter[Mixed]): ...

        weaver.deploy(CacheUS, deployer=deployer)  # is not reached
