"""Raw numbers become figures: ratios within a round, medians and quartiles over rounds, goals met or not."""

from __future__ import annotations

import pytest

from benchmarks.goals import Goal
from benchmarks.summary import Key, Spread, is_met, reached, spread, summarise
from tests.benchmarks.figures import round_of, row

TINY = Key("calls", "pinned", "handle", "tiny")


def test_a_figure_is_the_median_of_the_rounds_with_its_quartiles() -> None:
    rounds = [round_of(row("handle", "tiny", value)) for value in (10.0, 14.0, 12.0, 11.0, 90.0)]

    figure = summarise(rounds)[TINY]

    assert figure.value == Spread(median=12.0, q1=11.0, q3=14.0)
    assert figure.rounds == 5


def test_a_ratio_is_to_the_limit_of_the_same_round() -> None:
    """A slow round is slow for the limit too: 1.5 in each round, though the medians of the times would say 2."""
    times = ((10.0, 15.0), (20.0, 30.0), (15.0, 22.5))

    figure = summarise(round_of(row("handle", "tiny", mine, base=limit)) for limit, mine in times)[TINY]

    assert figure.ratio == Spread(1.5, 1.5, 1.5)


def test_cpu_time_has_a_ratio_of_its_own() -> None:
    figure = summarise([round_of(row("handle", "tiny", 90.0, base=10.0, cpu_us=15.0, base_cpu_us=10.0))])[TINY]

    assert figure.cpu_us == Spread(15.0, 15.0, 15.0)
    assert figure.cpu_ratio == Spread(1.5, 1.5, 1.5)


def test_a_figure_without_a_limit_has_no_ratio() -> None:
    assert summarise([round_of(row("handle", "tiny", 10.0))])[TINY].ratio is None


def test_a_round_that_failed_counts_for_nothing() -> None:
    failed = {"suite": "calls", "group": "Ray actor", "mode": "pinned", "number": 1, "error": "no room"}

    figures = summarise([failed, round_of(row("handle", "tiny", 10.0))])

    assert list(figures) == [TINY]


def test_modes_are_kept_apart() -> None:
    figures = summarise([round_of(row("handle", "tiny", 10.0)), round_of(row("handle", "tiny", 30.0), mode="free")])

    assert {key.mode: figure.value.median for key, figure in figures.items()} == {"pinned": 10.0, "free": 30.0}


def test_one_value_is_its_own_spread() -> None:
    assert spread([3.0]) == Spread(3.0, 3.0, 3.0)


@pytest.mark.parametrize(
    ("quantity", "case", "expected"),
    [
        ("value", "tiny", 20.0),
        ("ratio", "tiny", 2.0),
        ("speed", "tiny", 0.5),
        ("calls/s", "tiny", 50_000.0),
        ("GB/s", "16 MiB one way", 16 * 1024 * 1024 / 20_000),  # bytes in 20 µs, in bytes/ns
    ],
)
def test_a_goal_speaks_of_a_figure_in_its_own_quantity(quantity: str, case: str, expected: float) -> None:
    figures = summarise([round_of(row("handle", case, 20.0, base=10.0))])

    found = reached(Goal("", "calls", "handle", case, quantity, ">=", 1.0), "pinned", figures)  # type: ignore[arg-type]

    assert found is not None
    assert found.median == pytest.approx(expected)


def test_times_as_fast_compares_ratios_to_the_limit_of_each_systems_own_rounds() -> None:
    """The peer's rounds were on a machine twice as slow, which its limit shows: it is 1.5 times as slow, not 3."""
    figures = summarise(
        [round_of(row("handle", "tiny", 20.0, base=10.0)), round_of(row("Pipe", "tiny", 60.0, base=20.0))]
    )
    goal = Goal("", "calls", "handle", "tiny", "times", ">=", 1.0, other="Pipe")

    found = reached(goal, "pinned", figures)

    assert found is not None
    assert found.median == pytest.approx(1.5)


def test_the_quartiles_of_an_inverse_stay_in_order() -> None:
    rounds = [round_of(row("handle", "tiny", value, base=10.0)) for value in (20.0, 25.0, 40.0)]

    found = reached(Goal("", "calls", "handle", "tiny", "speed", ">=", 1.0), "pinned", summarise(rounds))

    assert found is not None
    assert found.q1 < found.median < found.q3


def test_what_was_not_measured_reaches_nothing() -> None:
    assert reached(Goal("", "calls", "handle", "tiny", "ratio", "<=", 1.3), "pinned", {}) is None


@pytest.mark.parametrize(("relation", "met"), [("<=", (True, True, False)), (">=", (False, True, True))])
def test_a_goal_is_met_at_its_limit_and_on_one_side_of_it(relation: str, met: tuple[bool, ...]) -> None:
    goal = Goal("", "calls", "handle", "tiny", "value", relation, 10.0)  # type: ignore[arg-type]

    assert tuple(is_met(goal, spread([value])) for value in (9.0, 10.0, 11.0)) == met
