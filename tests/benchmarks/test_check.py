"""The regression check: what counts as worse, what is chance, and that it cannot pass by measuring nothing."""

from __future__ import annotations

import json

from benchmarks.check import baseline, compare
from benchmarks.summary import Figure, Key, summarise
from tests.benchmarks.figures import round_of, row

NAME = "calls / pinned / handle / tiny"


def measured(*ratios: float, system: str = "handle", case: str = "tiny") -> dict[Key, Figure]:
    return summarise(round_of(row(system, case, 10 * ratio, base=10.0)) for ratio in ratios)


def stored(*ratios: float) -> dict[str, dict[str, float]]:
    found = json.loads(json.dumps(baseline(measured(*ratios), {})))
    return found["ratios"]  # type: ignore[no-any-return]


def test_the_same_ratios_are_no_regression() -> None:
    result = compare(measured(1.2, 1.3, 1.4), stored(1.2, 1.3, 1.4))

    assert result.is_ok
    assert result.compared == 1


def test_a_ratio_that_is_clearly_worse_is_one_and_both_figures_are_named() -> None:
    result = compare(measured(1.9, 2.0, 2.1), stored(1.2, 1.3, 1.4))

    assert not result.is_ok
    assert result.regressed == [
        f"{NAME}: 2.00 x its limit (1.95 to 2.05), the baseline has 1.30 (1.25 to 1.35)",
    ]


def test_a_ratio_within_the_tolerance_is_none() -> None:
    assert compare(measured(1.5, 1.5, 1.5), stored(1.3, 1.3, 1.3)).is_ok
    assert not compare(measured(1.5, 1.5, 1.5), stored(1.3, 1.3, 1.3), tolerance=0.1).is_ok


def test_a_worse_median_whose_spread_reaches_the_baseline_is_chance() -> None:
    assert compare(measured(1.2, 2.0, 2.1), stored(1.2, 1.3, 1.9)).is_ok


def test_a_better_ratio_is_no_regression() -> None:
    assert compare(measured(0.5, 0.5, 0.5), stored(1.3, 1.3, 1.3)).is_ok


def test_what_was_not_measured_is_said() -> None:
    result = compare(measured(1.3, case="1 KiB record"), {NAME: {"median": 1.3, "q1": 1.3, "q3": 1.3}})

    assert result.not_measured == [NAME]


def test_a_case_that_the_baseline_does_not_know_is_no_regression() -> None:
    figures = {**measured(1.3), **measured(90.0, case="stream of tiny items")}

    result = compare(figures, stored(1.3, 1.3, 1.3))

    assert result.is_ok
    assert result.compared == 1
    assert not result.not_measured


def test_a_check_that_compared_nothing_fails() -> None:
    assert not compare({}, stored(1.3, 1.3, 1.3)).is_ok


def test_cpu_time_is_compared_as_well() -> None:
    def used(cpu_us: float) -> dict[Key, Figure]:
        return summarise([round_of(row("handle", "tiny", 13.0, base=10.0, cpu_us=cpu_us, base_cpu_us=10.0))])

    result = compare(used(20.0), baseline(used(13.0), {})["ratios"])

    assert result.compared == 2
    assert [line.partition(":")[0] for line in result.regressed] == [f"{NAME}, CPU"]


def test_the_baseline_holds_our_own_figures_only() -> None:
    figures = {**measured(1.3), **measured(1.0, system="raw"), **measured(50.0, system="Ray actor")}

    assert list(baseline(figures, {})["ratios"]) == [NAME]
