"""Which replica is next, and how long to wait before a call is repeated."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from weaverlab.clock import system_rng
from weaverlab.routing import Backoff, RoundRobin


@given(replicas=st.integers(1, 17), rounds=st.integers(1, 20), first=st.integers(0, 100))
def test_round_robin_gives_every_replica_the_same_number_of_calls(replicas: int, rounds: int, first: int) -> None:
    balancer = RoundRobin(first)

    picked = Counter(balancer.pick(replicas) for _ in range(replicas * rounds))

    assert picked == dict.fromkeys(range(replicas), rounds)


def test_round_robin_begins_where_it_is_told() -> None:
    assert RoundRobin(first=2).pick(3) == 2


@given(repeats=st.integers(1, 10_000), seed=st.integers())
def test_a_pause_is_never_longer_than_the_cap(repeats: int, seed: int) -> None:
    pause_s = Backoff(first_s=0.01, cap_s=0.5).pause_s(repeats, system_rng(seed))

    assert 0.0 <= pause_s <= 0.5


def test_pauses_grow_with_the_number_of_repeats() -> None:
    backoff, samples = Backoff(first_s=0.01, cap_s=10.0), 2_000
    rng = system_rng(1)

    means = [sum(backoff.pause_s(repeats, rng) for _ in range(samples)) / samples for repeats in (1, 2, 3)]

    assert 1.8 < means[1] / means[0] < 2.2
    assert 1.8 < means[2] / means[1] < 2.2
