"""The embedded store against a model that keeps every write and works out visibility from scratch."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.antipode.world import World, lag_ms
from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import EmbeddedStore
from weaverlab.antipode.replication import delay_s
from weaverlab.config import Lag
from weaverlab.errors import StoreError

REGIONS = ("eu", "us", "ap")
KEYS = ("a", "b")
regions = st.sampled_from(REGIONS)
keys = st.sampled_from(KEYS)
delays_ms = st.sampled_from((0.0, 1.0, 5.0, 20.0))


class GivenChance(random.Random):
    """Chance that returns what the test has drawn."""

    def __init__(self) -> None:
        super().__init__(0)
        self.coming: list[float] = []

    def uniform(self, a: float, b: float) -> float:
        return self.coming.pop(0)


class StoreAgainstModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.chance = GivenChance()
        self.store = EmbeddedStore("posts", REGIONS, lambda origin, target: Lag("uniform", 0.0, 20.0), self.chance)
        self.now_s = 0.0
        self.writes: list[tuple[Dependency, str, bytes | None, dict[str, float]]] = []  # with the arrival per region
        self.applied_before = {(region, origin): 0 for region in REGIONS for origin in REGIONS}

    @rule(region=regions, key=keys, lags_ms=st.tuples(delays_ms, delays_ms), is_delete=st.booleans())
    def write_or_delete(self, region, key, lags_ms, is_delete):
        self.chance.coming = list(lags_ms)
        value = None if is_delete else b"value %d" % len(self.writes)

        if value is None:
            written = self.store.delete(region, "t", key, b"", self.now_s)
        else:
            written = self.store.write(region, "t", key, value, b"", self.now_s)

        assert written == Dependency("posts", region, len(self.writes) + 1)
        arrivals_s = {region: self.now_s}
        for target, lag in zip([r for r in REGIONS if r != region], lags_ms, strict=True):
            earlier_s = [arrived[target] for one, _, _, arrived in self.writes if one.scope == region]
            arrivals_s[target] = max([self.now_s + lag / 1000, *earlier_s])
        self.writes.append((written, key, value, arrivals_s))

    @rule(passed_ms=st.integers(0, 25))
    def time_passes(self, passed_ms):
        self.now_s += passed_ms / 1000

    @invariant()
    def every_region_sees_the_last_writer_among_what_has_arrived_and_nothing_else(self):
        for region in REGIONS:
            for key in KEYS:
                here = [(one, value) for one, k, value, at_s in self.writes if k == key and at_s[region] <= self.now_s]
                last, value = max(here, key=lambda write: write[0].version, default=(None, None))

                item = self.store.read(region, "t", key, self.now_s)

                assert (item and (item.dependency, item.value)) == (None if value is None else (last, value))

    @invariant()
    def applied_is_the_end_of_what_arrived_and_never_goes_back(self):
        for region, origin in self.applied_before:
            arrived = [
                one.version for one, *_, at_s in self.writes if one.scope == origin and at_s[region] <= self.now_s
            ]
            applied = self.store.log.applied(region, origin, self.now_s)

            assert applied == max(arrived, default=0)
            assert applied >= self.applied_before[region, origin]
            self.applied_before[region, origin] = applied

    @invariant()
    def a_barrier_that_waits_until_visible_at_passes_then_and_not_earlier(self):
        self.store.log.advance(self.now_s)
        for written, _, _, arrivals_s in self.writes:
            for region in REGIONS:
                visible_s = self.store.log.visible_at_s(written, region)

                is_visible = self.store.log.applied(region, written.scope, self.now_s) >= written.version
                assert is_visible == (arrivals_s[region] <= self.now_s)
                assert visible_s == (-math.inf if is_visible else arrivals_s[region])

    @invariant()
    def the_next_change_is_the_next_arrival(self):
        self.store.log.advance(self.now_s)
        coming = [at_s for *_, arrivals_s in self.writes for at_s in arrivals_s.values() if at_s > self.now_s]

        assert self.store.log.next_change_s() == min(coming, default=None)


StoreAgainstModel.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestStoreAgainstModel = StoreAgainstModel.TestCase


def test_a_write_is_visible_at_once_where_it_was_made_and_after_the_lag_elsewhere():
    world = World(posts_ms=100)
    world.write("eu", "1", b"hello")

    assert world.read("eu", "1").value == b"hello"
    world.now_s = 0.099
    assert world.read("us", "1") is None
    world.now_s = 0.1
    assert world.read("us", "1").value == b"hello"


def test_a_slow_link_does_not_bring_back_a_value_that_a_later_writer_replaced():
    store = EmbeddedStore("posts", REGIONS, lag_ms(eu_ap=100, us_ap=1), random.Random(1))
    store.write("eu", "t", "k", b"older", b"", now_s=0.0)
    store.write("us", "t", "k", b"newer", b"", now_s=0.001)

    assert store.read("ap", "t", "k", now_s=0.01).value == b"newer"
    assert store.read("ap", "t", "k", now_s=1.0).value == b"newer"


def test_a_slow_link_does_not_bring_back_a_value_that_was_deleted_and_a_new_one_can_be_created():
    store = EmbeddedStore("posts", REGIONS, lag_ms(eu_ap=100), random.Random(1))
    store.write("eu", "t", "k", b"older", b"", now_s=0.0)
    store.delete("us", "t", "k", b"", now_s=0.001)

    assert store.read("ap", "t", "k", now_s=1.0) is None
    store.write("eu", "t", "k", b"again", b"", now_s=1.0)
    assert store.read("us", "t", "k", now_s=2.0).value == b"again"


def test_a_write_never_overtakes_an_earlier_one_of_the_same_origin():
    chance = GivenChance()
    store = EmbeddedStore("posts", ["eu", "us"], lambda origin, target: Lag("uniform", 0, 100), chance)
    chance.coming = [100.0, 1.0]
    store.write("eu", "t", "slow", b"1", b"", now_s=0.0)
    quick = store.write("eu", "t", "quick", b"2", b"", now_s=0.0)

    assert store.log.visible_at_s(quick, "us") == 0.1
    assert store.read("us", "t", "quick", now_s=0.05) is None
    assert store.log.applied("us", "eu", now_s=0.1) == 2


def test_nobody_can_say_when_something_becomes_visible_that_is_not_written_yet():
    world = World()

    assert world.posts.log.visible_at_s(Dependency("posts", "eu", 1), "us") is None
    assert world.posts.log.visible_at_s(Dependency("posts", "mars", 0), "us") is None


def test_a_region_without_a_replica_is_named_with_those_that_have_one():
    with pytest.raises(StoreError, match=r"no replica in region 'uss'; it has: eu, us. Did you mean 'us'\?"):
        World().posts.write("uss", "t", "k", b"", b"", now_s=0.0)


@pytest.mark.parametrize(
    ("lag", "mean_ms", "largest_ms"),
    [
        (Lag("constant", 100.0, 0.0), 100, 100),
        (Lag("uniform", 50.0, 150.0), 100, 150),
        (Lag("normal", 100.0, 20.0), 100, 200),
        (Lag("exponential", 100.0, 0.0), 100, 2_000),
        (Lag("exponential", 0.0, 0.0), 0, 0),
        (Lag("normal", 0.0, 10.0), 4, 60),  # cut off at zero, since nothing arrives before it is sent
    ],
)
def test_lags_are_drawn_from_their_distribution_and_never_negative(lag, mean_ms, largest_ms):
    rng = random.Random(7)
    drawn_ms = [delay_s(lag, rng) * 1000 for _ in range(2_000)]

    assert min(drawn_ms) >= 0 and max(drawn_ms) <= largest_ms
    assert sum(drawn_ms) / len(drawn_ms) == pytest.approx(mean_ms, rel=0.1)


def test_the_same_seed_gives_the_same_lags():
    def arrivals(seed: int) -> list[float | None]:
        store = EmbeddedStore("posts", ["eu", "us"], lambda o, t: Lag("normal", 100, 20), random.Random(seed))
        written = [store.write("eu", "t", "k", b"", b"", now_s=0.0) for _ in range(5)]
        return [store.log.visible_at_s(one, "us") for one in written]

    assert arrivals(7) == arrivals(7) != arrivals(8)
