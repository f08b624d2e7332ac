"""The page of the docs: what is generated goes between two marks, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks import plot, report
from benchmarks.plan import Asked
from benchmarks.summary import summarise
from tests.benchmarks.figures import round_of, row

PAGE = Path(__file__).parents[2] / "docs/performance.md"


@pytest.fixture
def small_report() -> dict[str, Any]:
    found = report.new_report(Asked(suites=("calls",)), rounds=1)
    return {**found, "rounds": [round_of(row("raw", "tiny", 10.0, 10.0), row("handle", "tiny", 12.0, 10.0))]}


def test_what_is_generated_replaces_what_was_and_the_rest_stays() -> None:
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"

    assert report.insert(page, "new") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="the page needs a line"):
        report.insert("nothing to replace", "new")


def test_the_page_of_the_docs_has_its_marks() -> None:
    report.insert(PAGE.read_text(encoding="utf-8"), "new")


def test_a_report_tells_how_it_was_made(small_report: dict[str, Any]) -> None:
    facts = small_report["manifest"]

    assert {"commit", "python", "platform", "processor", "processors", "started", "versions", "options"} <= set(facts)
    assert facts["options"]["rounds"] == 1
    assert "numpy" in facts["versions"]


def test_the_text_has_machine_goals_and_figures(small_report: dict[str, Any]) -> None:
    text = report.text(small_report)

    assert small_report["manifest"]["started"] in text
    assert "handle, tiny" in text
    assert "### calls: tiny, pinned, 1 rounds" in text


def test_a_busy_machine_is_told(small_report: dict[str, Any]) -> None:
    small_report["manifest"] |= {"load_average": [3.0, 1.0, 1.0], "processors": 2}

    assert "for trying only" in report.text(small_report)


def test_the_page_gets_its_tables_and_pictures(small_report: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"{report.BEGIN}\n{report.END}\n")

    report.write_page(small_report, page)

    assert "### calls: tiny, pinned, 1 rounds" in page.read_text()
    assert (tmp_path / "images/bench-calls.svg").stat().st_size > 1000
    assert (tmp_path / "images/bench-goals.svg").stat().st_size > 1000


def test_the_same_figures_give_the_same_picture(small_report: dict[str, Any], tmp_path: Path) -> None:
    figures = summarise(small_report["rounds"])

    for name in ("one.svg", "two.svg"):
        plot.draw_calls(figures, tmp_path / name)

    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
