"""What a factor changes, compared within repeats."""

from __future__ import annotations

from tests.experiment.sample import results, row
from weaverlab.experiment import Interval, compare


def test_pairs_are_made_within_a_repeat_so_that_drift_cancels_out():
    """The machine becomes slower from repeat to repeat, by more than the barrier costs."""
    none = [row("none", n, latency_ms_p50=4.0 * n) for n in range(1, 6)]
    barrier = [row("barrier", n, latency_ms_p50=4.4 * n) for n in (5, 3, 1, 2, 4)]

    [found] = compare(results(*none, *barrier), "latency_ms_p50", "strategy", "none", "barrier")

    assert found.pairs == 5
    assert all(abs(end - 1.1) < 1e-9 for end in found.ratio)
    assert found.difference.estimate == 4.4 * 3 - 4.0 * 3


def test_each_combination_of_the_other_factors_is_a_comparison_of_its_own():
    rows = [row(strategy, rate=rate) for strategy in ("none", "barrier") for rate in (10.0, 100.0)]
    rows.append(row("barrier", rate=1000.0))  # without a partner

    found = compare(results(*rows), "window_ms_p50", "strategy", "none", "barrier")

    assert [one.cell["rate"] for one in found] == [10.0, 100.0]
    assert found[0].ratio == Interval(1.0, 1.0, 1.0)


def test_a_repeat_in_which_one_of_the_two_failed_is_no_pair():
    rows = [row("none", 1), row("none", 2), row("barrier", 2), row("barrier", 3), row("none", 3, window_ms_p50=None)]

    [found] = compare(results(*rows), "window_ms_p50", "strategy", "none", "barrier")

    assert found.pairs == 1
