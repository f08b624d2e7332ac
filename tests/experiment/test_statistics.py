"""The figures of a table, checked against values worked out by hand and against what theory says."""

from __future__ import annotations

import math
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.clock import system_rng
from weaverlab.experiment import Interval, bootstrap, percentile, proportion_text


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 10.0), (0.25, 20.0), (0.5, 30.0), (0.9, 46.0), (0.95, 48.0), (1.0, 50.0)]
)
def test_a_percentile_lies_on_the_line_between_its_neighbours(share, expected):
    assert percentile([50.0, 10.0, 40.0, 20.0, 30.0], share) == pytest.approx(expected)


def test_a_percentile_of_one_value_is_that_value_and_of_none_there_is_none():
    assert percentile([7.0], 0.95) == 7.0
    assert percentile([], 0.95) is None


def test_a_percentile_is_asked_for_as_a_share():
    with pytest.raises(ValueError, match="share between 0 and 1"):
        percentile([1.0], 95)


def test_a_share_is_shown_with_its_counts_and_its_interval():
    assert proportion_text(0, 400) == "0/400 = 0.0 % (0.0 to 1.0)"
    assert proportion_text(12, 400) == "12/400 = 3.0 % (1.7 to 5.2)"
    assert proportion_text(0, 0) == "0/0"


def test_the_interval_of_the_median_of_five_values_is_from_the_least_to_the_greatest():
    """The median of five draws with replacement is the least one in 5.8 % of all cases, which is more than 2.5 %."""
    interval = bootstrap([5.0, 1.0, 4.0, 2.0, 3.0], system_rng(1))

    assert interval == Interval(3.0, 1.0, 5.0)


def test_five_medians_hold_the_true_one_as_often_as_theory_says():
    """The interval misses when all five values fall on one side: 2 / 2**5 = 6.25 % of all cases."""
    chance, samples = system_rng(1), 1000
    intervals = [bootstrap([chance.expovariate(1.0) for _ in range(5)], chance, resamples=200) for _ in range(samples)]

    held = sum(one.low <= math.log(2) <= one.high for one in intervals if one)

    assert held / samples == pytest.approx(0.9375, abs=0.025)


def test_the_interval_of_a_mean_of_many_values_is_that_of_the_normal_distribution():
    chance = system_rng(1)
    values = [chance.gauss(10.0, 2.0) for _ in range(400)]

    interval = bootstrap(values, chance, statistic=mean)

    half = 1.96 * stdev(values) / 20
    assert interval == pytest.approx((mean(values), mean(values) - half, mean(values) + half), abs=0.15 * half)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12), st.floats(-1e3, 1e3))
def test_an_interval_holds_its_estimate_lies_among_the_values_and_moves_with_them(values, shift):
    interval = bootstrap(values, system_rng(1), resamples=50, level=0.99)
    moved = bootstrap([value + shift for value in values], system_rng(1), resamples=50, level=0.99)

    assert interval is not None and moved is not None
    assert min(values) <= interval.low <= interval.high <= max(values)
    assert moved == pytest.approx([end + shift for end in interval], rel=1e-6, abs=1e-6)


def test_of_nothing_there_is_no_interval_and_of_equal_values_it_is_a_point():
    assert bootstrap([], system_rng(1)) is None
    assert bootstrap([7.0] * 5, system_rng(1)) == Interval(7.0, 7.0, 7.0)


def test_an_interval_is_the_same_for_the_same_seed():
    values = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]

    assert bootstrap(values, system_rng(3), mean) == bootstrap(values, system_rng(3), mean)
    assert Interval(21.46, 21.0, 22.04).text() == "21.5 (21.0 to 22.0)"
