"""Which replica takes a call."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from tests.runtime.peers import HandClock, links, member, table
from weaverlab.errors import Unreachable
from weaverlab.routing.assignment import SLOTS
from weaverlab.runtime.links import SUSPICION_S, Links
from weaverlab.runtime.replicas import Replicas


def replicas(known: Links) -> Replicas:
    return Replicas("Shop", known, lambda routes: routes.members.get("Shop", ()))


def chosen(of: Replicas, calls: int = 12, slot: int | None = None) -> Counter[str]:
    return Counter(of.choose(slot).replica for _ in range(calls))


def test_calls_without_a_key_go_to_all_in_turn() -> None:
    assert chosen(replicas(links(member(0), member(1), member(2)))) == {"Shop/0": 4, "Shop/1": 4, "Shop/2": 4}


def test_callers_do_not_all_begin_with_the_same_replica() -> None:
    known = links(member(0), member(1), member(2))

    assert len({replicas(known).choose(None).replica for _ in range(50)}) == 3


def test_unhealthy_replicas_get_no_call_unless_all_are() -> None:
    known = links(member(0), member(1))
    shop = replicas(known)

    known.update(table(2, member(0, False), member(1)))
    assert set(chosen(shop)) == {"Shop/1"}
    known.update(table(3, member(0, False), member(1, False)))
    assert set(chosen(shop)) == {"Shop/0", "Shop/1"}


def test_a_replica_that_comes_or_goes_is_noticed_by_the_next_call() -> None:
    known = links(member(0))
    shop = replicas(known)

    known.update(table(2, member(1)))
    assert set(chosen(shop)) == {"Shop/1"}
    known.update(table(3, member(0), member(1)))
    assert set(chosen(shop)) == {"Shop/0", "Shop/1"}


def test_a_component_without_replicas_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="Shop has no replica"):
        replicas(links()).choose(None)


def test_calls_with_a_key_go_to_the_owner_of_its_slot() -> None:
    known = links(*(member(n) for n in range(3)), routed=True)
    owner = known.table.assignments["Shop"].owner

    assert all(
        replicas(known).choose(slot).replica == owner(slot, {"Shop/0", "Shop/1", "Shop/2"})
        for slot in range(0, SLOTS, 97)
    )


def test_a_suspect_is_passed_over_for_keys_and_for_turns_until_the_moment_is_over() -> None:
    clock = HandClock()
    known = links(member(0), member(1), member(2), clock=clock, routed=True)
    shop = replicas(known)
    suspect = shop.choose(7)

    known.suspect(suspect.address)

    assert suspect.replica not in chosen(shop)
    assert len(chosen(shop, slot=7)) == 1  # one key has one stand-in
    assert suspect.replica not in chosen(shop, slot=7)
    clock.time_s += SUSPICION_S
    assert set(chosen(shop, slot=7)) == {suspect.replica}


def test_threads_that_call_while_tables_change_never_see_a_part_of_one() -> None:
    known = links(member(0), member(1), routed=True)
    shop = replicas(known)
    is_over = threading.Event()
    failed: list[BaseException] = []

    def call() -> None:
        try:
            while not is_over.is_set():
                for slot in range(0, SLOTS, 500):
                    shop.choose(slot)
        except BaseException as error:
            failed.append(error)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for version in range(2, 400):  # the replicas of one table are none of the next one's
        first = 2 * (version % 2)
        known.update(table(version, member(first), member(first + 1), routed=True))
    is_over.set()
    for caller in callers:
        caller.join()

    assert failed == []
