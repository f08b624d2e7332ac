"""The least loaded replica is next; replicas that are equally idle take turns."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from weaverlab.routing import LeastLoaded


@given(loads=st.lists(st.integers(0, 1000), min_size=1, max_size=17), first=st.integers(0, 100))
def test_nobody_has_fewer_calls_than_the_one_that_is_picked(loads: list[int], first: int) -> None:
    assert loads[LeastLoaded(first).pick(loads)] == min(loads)


@given(idle=st.sets(st.integers(0, 16), min_size=1), rounds=st.integers(1, 20))
def test_replicas_that_are_equally_idle_get_the_same_number_of_calls(idle: set[int], rounds: int) -> None:
    loads = [0 if index in idle else 1 for index in range(17)]
    balancer = LeastLoaded()

    picked = Counter(balancer.pick(loads) for _ in range(len(idle) * rounds))

    assert picked == dict.fromkeys(idle, rounds)


def test_calls_that_stay_open_fill_up_all_replicas_alike() -> None:
    balancer, loads = LeastLoaded(first=2), [5, 0, 3, 0]

    for _ in range(12):
        loads[balancer.pick(loads)] += 1

    assert loads == [5, 5, 5, 5]


def test_callers_that_begin_at_different_places_pick_different_idle_replicas() -> None:
    assert {LeastLoaded(first).pick([0, 0, 0]) for first in range(3)} == {0, 1, 2}
