"""Growth is judged as its page says, every sweep can be measured, and a run becomes a page."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.growth import page
from benchmarks.growth.__main__ import jobs
from benchmarks.growth.sweeps import SWEEPS, Quantity, doubled, quantities, quantity, shown
from benchmarks.growth.verdict import Verdict, expected_growth, judge, points_of
from benchmarks.summary import Figure, Key, Spread, summarise

CALLERS = next(sweep for sweep in SWEEPS if sweep.name == "callers")
LEVEL = Quantity("call", "a call", "µs", ("threads",))
IN_PROPORTION = Quantity("call", "a call", "µs", ("threads",), power=1)
SHARED = Quantity("call", "a call", "µs", ("threads",), power=-1)
MANIFEST = {
    "started": "2026-01-01T00:00:00+00:00",
    "commit": "abc",
    "options": {"sweeps": ["callers"], "is_quick": True, "rounds": 1},
    "python": "CPython 3.11",
    "platform": "Linux",
    "processors": 2,
    "processor": "a processor",
    "load_average": [0.1, 0.1, 0.1],
}


Costs = Mapping[int, "float | Spread"]


def judged(quantity: Quantity, costs: Costs, limits: Mapping[int, float] | None = None) -> Verdict:
    def figure(point: int, cost: float | Spread) -> Figure:
        value = cost if isinstance(cost, Spread) else Spread(cost, cost, cost)
        ratio = Spread(*(part / limits[point] for part in value)) if limits else None
        return Figure(Key("", "", "", ""), quantity.unit, value, ratio, cpu_us=None, cpu_ratio=None, rounds=1)

    return judge(CALLERS, quantity, "threads", {point: figure(point, cost) for point, cost in costs.items()})


def test_a_level_cost_is_as_it_should_be() -> None:
    verdict = judged(LEVEL, {1: 10.0, 2: 11.0, 4: 12.0, 8: 11.0})

    assert verdict.words == "as it should"
    assert verdict.growth == pytest.approx(1.1)


def test_a_step_is_a_cliff_that_says_where_and_how_high() -> None:
    verdict = judged(LEVEL, {1: 10.0, 2: 11.0, 4: 44.0, 8: 12.0})

    assert verdict.cliffs == ("from 2 to 4: x 4.00",)
    assert not verdict.is_ok


def test_a_step_within_the_spread_of_the_rounds_is_none() -> None:
    noisy = {1: Spread(10.0, 8.0, 30.0), 2: Spread(20.0, 9.0, 40.0)}

    assert not judged(LEVEL, noisy).cliffs


def test_small_steps_add_up_to_too_much() -> None:
    verdict = judged(LEVEL, {1: 10.0, 2: 14.0, 4: 19.0, 8: 26.0})

    assert not verdict.cliffs
    assert "grows too much" in verdict.words


def test_a_cost_in_proportion_may_grow_as_what_is_varied() -> None:
    assert judged(IN_PROPORTION, {1: 10.0, 2: 20.0, 64: 640.0}).is_ok
    assert judged(IN_PROPORTION, {1: 10.0, 2: 20.0, 4: 80.0}).cliffs == ("from 2 to 4: x 4.00",)


def test_a_cost_that_is_shared_has_to_fall() -> None:
    assert judged(SHARED, {1: 1000.0, 2: 510.0, 4: 260.0}).is_ok
    assert not judged(SHARED, {1: 1000.0, 2: 1000.0, 4: 1000.0}).is_ok


def test_where_there_is_a_limit_the_ratio_to_it_is_judged() -> None:
    """The limit has the same cliff: it is the machine's. And it is ours where only we have it, however we may grow."""
    costs = {1: 10.0, 2: 100.0}

    assert judged(LEVEL, costs, limits={1: 5.0, 2: 50.0}).is_ok
    assert judged(IN_PROPORTION, {1: 10.0, 2: 20.0}, limits={1: 5.0, 2: 5.0}).cliffs == ("from 1 to 2: x 2.00",)


def test_growth_from_nothing_is_counted_from_one() -> None:
    assert expected_growth(0, 1, power=1) == 1
    assert expected_growth(0, 64, power=1) == 64
    assert expected_growth(1, 16, power=-1) == 1 / 16


def test_points_are_powers() -> None:
    assert doubled(1, 8) == (1, 2, 4, 8)
    assert doubled(16, 1000, 4) == (16, 64, 256)


def test_a_cost_is_drawn_as_people_think_of_it() -> None:
    assert shown("calls/s", 512, 20.0) == 50_000
    assert shown("GB/s", 1_000_000, 500.0) == 2.0
    assert shown("value", 512, 20.0) == 20.0


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_a_sweep_has_a_module_that_measures_it_and_reaches_its_end(sweep: Any) -> None:
    assert callable(importlib.import_module(f"benchmarks.growth.{sweep.name}").measure)
    assert list(sweep.points) == sorted(set(sweep.points))
    assert list(sweep.quick) == sorted(set(sweep.quick))
    assert sweep.quick[-1] <= sweep.points[-1]


def test_no_two_costs_of_a_sweep_have_one_name() -> None:
    names = [(sweep.name, of.name) for sweep, of in quantities()]

    assert len(names) == len(set(names))


def test_quick_rounds_have_fewer_points_and_only_the_sweeps_that_were_asked_for() -> None:
    (full,), (quick,) = jobs(("callers",), is_quick=False), jobs(("callers",), is_quick=True)

    assert full.suite == quick.suite == "growth.callers"
    assert full.cases[-1] == quick.cases[-1] == "512"
    assert len(quick.cases) < len(full.cases)


def test_rows_of_a_round_are_found_by_sweep_cost_series_and_point() -> None:
    figures = summarise([round_of_callers({8: 10.0, 1: 20.0})])

    points = points_of(figures, CALLERS, quantity("callers", "call"), "threads")

    assert {point: figure.value.median for point, figure in points.items()} == {1: 20.0, 8: 10.0}


def test_a_run_becomes_a_page_with_verdicts_figures_and_a_picture(tmp_path: Path) -> None:
    file = tmp_path / "growth.md"
    file.write_text("# Growth\n\nWhy.\n\n## Result\n\nold figures\n", encoding="utf-8")
    (tmp_path / "images").mkdir()

    page.write({"manifest": MANIFEST, "rounds": [round_of_callers({1: 20.0, 8: 80.0})]}, file)

    told = file.read_text(encoding="utf-8")
    assert told.startswith("# Growth\n\nWhy.\n\n## Result\n")
    assert "old figures" not in told
    assert "**cliff** from 1 to 8: x 4.00" in told
    assert "50,000" in told  # calls/s of one caller
    assert "not measured at 64, 512; this machine has too few descriptors" in told
    assert "calls/s" in (tmp_path / page.PICTURE).read_text(encoding="utf-8")


def test_a_page_without_a_place_for_figures_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "growth.md"
    file.write_text("# Growth\n", encoding="utf-8")

    with pytest.raises(ValueError, match="## Result"):
        page.write({"manifest": MANIFEST, "rounds": []}, file)


def round_of_callers(us: Mapping[int, float]) -> dict[str, Any]:
    """A round in which threads and tasks cost the same, and the limit always 10 µs."""
    case = quantity("callers", "call").case
    rows = [
        {"system": series, "case": case(count), "unit": "µs", "value": value, "base": 10.0}
        for count, value in us.items()
        for series in ("threads", "tasks")
    ]
    return {"suite": "growth.callers", "group": "WeaverLab", "mode": "free", "number": 1, "rows": rows}
