"""Whether the goals of consistency experiments were met, from rows whose answer is plain to see."""

from __future__ import annotations

import pytest

from tests.experiment.sample import results, row
from weaverlab.experiment import Verdict, verdicts


def verdict(goal: str, *rows: dict[str, object]) -> Verdict:
    [found] = [one for one in verdicts(results(*rows)) if one.goal.startswith(goal)]
    return found


@pytest.mark.parametrize(("violations", "met"), [(0, "yes"), (1, "no")])
def test_one_violation_with_a_barrier_is_one_too_many(violations, met):
    rows = [row("barrier", 1), row("barrier", 2, violations=violations)]

    assert verdict("no violation", row("none", violations=80), *rows).met == met


@pytest.mark.parametrize(("window_ms", "met"), [(115.0, "yes"), (115.1, "no")])
def test_a_window_may_be_a_tenth_and_five_milliseconds_longer_than_the_lag(window_ms, met):
    found = verdict("window", row("barrier", window_ms_p95=window_ms, lag_ms_p95=100.0))

    assert (found.met, found.measured) == (met, f"{window_ms:.1f} ms, lag 100.0 ms, limit 115.0 ms")


@pytest.mark.parametrize(
    ("latencies_ms", "met"),
    [
        ((4.0, 4.01, 3.98, 4.05, 4.0), "yes"),
        ((4.2, 4.3, 4.1, 4.2, 4.5), "no"),
        ((3.9, 4.05, 4.3, 4.0, 4.0), "cannot tell"),
        ((4.0, 4.0), "cannot tell"),  # too few pairs
    ],
)
def test_client_latency_is_judged_by_its_whole_interval(latencies_ms, met):
    none = [row("none", n, latency_ms_p50=4.0) for n in range(1, 6)]
    barrier = [row("barrier", n, latency_ms_p50=latency) for n, latency in enumerate(latencies_ms, 1)]

    assert verdict("client p50", *none, *barrier).met == met


@pytest.mark.parametrize(("size_bytes", "met"), [(64, "yes"), (65, "no")])
def test_a_lineage_may_have_32_bytes_for_each_dependency(size_bytes, met):
    assert verdict("lineage", row("barrier", lineage_bytes_max=size_bytes)).met == met


def test_a_delayed_notification_says_nothing_about_the_window():
    goals = {one.goal for one in verdicts(results(row("barrier", delay_ms=40.0)))}

    assert not any(goal.startswith("window") for goal in goals)


def test_an_experiment_of_another_kind_has_none_of_these_goals():
    other = results({"deployment": "split", "repeat": 1, "latency_ms_p50": 2.0}, factors=("deployment",), shown=())

    assert verdicts(other) == []


def test_a_verdict_says_in_which_cell():
    rows = [row("barrier", rate=rate, lineage_bytes_max=None) for rate in (10.0, 100.0)]

    found = [one.where for one in verdicts(results(*rows))]

    assert found == ["rate 10", "rate 100"] * 2
