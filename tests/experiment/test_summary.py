"""The report of a sweep: what a reader should know before believing a figure."""

from __future__ import annotations

from tests.experiment.sample import results, row
from weaverlab.experiment.words import heading, phrase


def test_a_table_has_a_line_for_each_cell_with_pooled_shares_and_medians():
    none = [row("none", n, violations=40 + n, window_ms_p50=20.0 + n) for n in range(1, 6)]
    barrier = [row("barrier", n) for n in range(1, 6)]

    report = results(*none, *barrier).report()

    assert report.splitlines()[:5] == [
        "example: store embedded, rate 40, delay 0 ms, 5 repeats, seed 1.",
        "strategy  violations (95 % interval)       window p50 (ms)",
        "--------  -------------------------------  -------------------",
        "barrier   0/400 = 0.0 % (0.0 to 1.0)       80",
        "none      215/400 = 53.8 % (48.9 to 58.6)  23.0 (21.0 to 25.0)",
    ]


def test_what_is_missing_is_said():
    report = results(row(errors=2, missing_outcomes=1), planned=7).report()

    assert "Of 80 requests, 2 failed and 1 have no outcome; none of these is in a share above." in report
    assert "Interrupted: 1 of 7 runs were made." in report


def test_a_part_of_the_results_is_not_an_interrupted_sweep():
    whole = results(row("none"), row("barrier"), planned=3)

    assert "Interrupted" in whole.report()
    assert "Interrupted" not in whole.where(strategy="barrier").report()


def test_a_quick_run_says_that_it_is_no_evidence():
    about = {"experiment": "example", "options": {"repeats": 2, "seed": 1, "quick": True}}

    assert "Quick: too little to cite." in results(row(), manifest=about).report()


def test_results_without_a_row_still_have_a_report():
    assert "Interrupted: 0 of 5 runs were made." in results(planned=5).report()


def test_in_a_notebook_the_same_facts_are_tables():
    part = results(row("none"), row("barrier", errors=1), planned=3)

    html = part._repr_html_()

    assert html.count("<table>") == 2
    assert "window p50 (ms)" in html and "no violation with a barrier" in html
    assert "1 failed" in html and "Interrupted: 2 of 3 runs were made." in html


def test_columns_are_named_with_their_units():
    assert heading("window_ms_p95") == "window p95 (ms)"
    assert heading("lineage_bytes_max") == "lineage max (bytes)"
    assert heading("strategy") == "strategy"
    assert phrase({"store": "redis", "delay_ms": 40.0}) == "store redis, delay 40 ms"
