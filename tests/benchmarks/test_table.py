"""What a reader sees: aligned tables, a verdict beside each goal, and the name of whatever is missing."""

from __future__ import annotations

import pytest

from benchmarks.summary import Spread, summarise
from benchmarks.table import figure_tables, goal_table, left_out, markdown, number, overview, spread_text
from tests.benchmarks.figures import round_of, row


def line_with(text: str, *words: str) -> str:
    (found,) = (line for line in text.splitlines() if all(word in line for word in words))
    return found


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")[1:-1]]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(123_456.7, "123,457"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (1.0, "1"), (0.0, "0")],
)
def test_a_number_shows_three_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_a_spread_shows_its_quartiles_unless_they_are_the_same() -> None:
    assert spread_text(Spread(1.5, 1.25, 1.75)) == "1.50 (1.25 to 1.75)"
    assert spread_text(Spread(1.5, 1.5, 1.5)) == "1.50"
    assert spread_text(None) == ""


def test_a_table_is_aligned() -> None:
    assert markdown(["a", "bc"], [["long", "1"]]).splitlines() == ["| a    | bc |", "| ---- | -- |", "| long | 1  |"]


def test_each_goal_says_whether_it_is_met_in_each_mode() -> None:
    figures = summarise(
        [
            round_of(row("handle", "tiny", 12.0, base=10.0)),
            round_of(row("handle", "tiny", 40.0, base=20.0), mode="free"),
        ]
    )

    found = cells(line_with(goal_table(figures), "handle, tiny", "1.30 x limit"))

    assert found[2:7] == ["≤ 1.30 x limit", "1.20", "met", "2", "**not met**"]


def test_a_goal_without_a_figure_is_not_measured() -> None:
    figures = summarise([round_of(row("handle", "tiny", 12.0, base=10.0))])

    assert "not measured" in line_with(goal_table(figures), "handle, 1 KiB record")


def test_a_goal_that_has_one_mode_only_is_silent_in_the_other() -> None:
    figures = summarise(
        [
            round_of(row("handle", "tiny", 12.0, base=10.0)),
            round_of(row("local handle", "call", 90.0, base=40.0), suite="colocated", mode="free"),
        ]
    )

    found = cells(line_with(goal_table(figures), "local handle, call"))

    assert found[3:7] == ["", "", "90.0", "met"]


def test_all_systems_stand_side_by_side_by_their_ratios() -> None:
    rows = [
        row("raw", "tiny", 10.0, base=10.0),
        row("handle", "tiny", 12.0, base=10.0),
        row("handle", "32 callers", 9.0, 6.0),
    ]

    text = overview(summarise([round_of(*rows)]))

    assert cells(line_with(text, "raw")) == ["raw", "1", ""]
    assert cells(line_with(text, "handle")) == ["handle", "1.20", "1.50"]


def test_every_figure_has_a_row_under_its_suite_case_and_mode() -> None:
    text = figure_tables(summarise([round_of(row("handle", "tiny", 12.0, 10.0, cpu_us=11.0, base_cpu_us=8.8))]))

    assert text.startswith("### calls: tiny, pinned, 1 rounds")
    assert cells(line_with(text, "handle")) == ["handle", "12.0", "1.20", "11.0", "1.25", "83,333"]


def test_a_figure_without_a_cpu_clock_has_no_columns_for_it() -> None:
    text = figure_tables(summarise([round_of(row("", "cold", 300.0, base=30.0), suite="startup")]))

    assert cells(line_with(text, "300")) == ["", "300", "10.0"]


def test_what_is_left_out_is_named_with_its_reason() -> None:
    failed = {"suite": "calls", "group": "Dask actor", "mode": "free", "number": 2, "error": "no room"}
    careless = {"group": "Ray actor", "mode": "free", "number": 1, "rows": [], "left": ["process 7"]}

    lines = left_out({"RPyC": "rpyc is not installed"}, [failed, careless])

    assert lines == [
        "RPyC: skipped, rpyc is not installed",
        "Dask actor: failed in round 2, calls, free: no room",
        "Ray actor: left processes behind in round 1, which were killed",
    ]
