"""Which figures a sweep has, and what is in them."""

from __future__ import annotations

from pathlib import Path

from tests.experiment.sample import results, row
from weaverlab.experiment import figures, save_figures
from weaverlab.experiment.rows import write_csv

TOP = Path(__file__).parents[2]


def texts(legend) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


def test_a_sweep_over_delays_has_a_curve_for_each_store_and_its_barrier():
    rows = [row(store=store, delay_ms=delay_ms) for store in ("embedded", "redis") for delay_ms in (0.0, 50.0)]

    figure = figures(results(*rows, row("barrier")))["curve"]

    assert texts(figure.axes[0].get_legend()) == ["store embedded", "store redis", "barrier"]


def test_rates_are_drawn_beside_what_others_have_published(monkeypatch):
    monkeypatch.chdir(TOP)
    about = {"experiment": "post_notification", "options": {"repeats": 5, "seed": 1}}

    rows = [row(strategy, rate=rate) for strategy in ("none", "barrier") for rate in (10.0, 100.0)]

    figure = figures(results(*rows, manifest=about))["rate"]

    labels = texts(figure.legends[0])
    assert labels[:2] == ["embedded, barrier", "embedded, no barrier"]
    assert "MongoDB (published), no barrier" in labels and len(labels) == 8


def test_windows_are_drawn_from_all_requests_without_an_artificial_delay(tmp_path):
    rows = [row("none"), row("barrier"), row("none", delay_ms=50.0)]
    cells = [{name: one[name] for name in ("store", "strategy", "rate", "delay_ms", "repeat")} for one in rows]
    write_csv(tmp_path / "requests.csv", [{**cell, "window_ms": ms} for cell in cells for ms in (20.0, 21.0, None)])

    figure = figures(results(*rows, folder=tmp_path))["window"]

    assert texts(figure.axes[0].get_legend()) == ["replication lag, p50 to p95", "no barrier", "barrier"]
    assert all(len(line.get_xdata()) == 2 for line in figure.axes[0].get_lines())


def test_what_cannot_be_drawn_is_left_out(tmp_path):
    assert figures(results()) == {}
    assert figures(results(row(), row("barrier"))) == {}


def test_an_experiment_of_another_kind_has_none_of_these_figures():
    assert figures(results({"deployment": "split", "repeat": 1, "latency_ms_p50": 2.0}, factors=("deployment",))) == {}


def test_figures_are_saved_beside_the_rows(tmp_path):
    paths = save_figures(results(row(), row(delay_ms=50.0), folder=tmp_path))

    assert [path.name for path in paths] == ["curve.svg", "curve.png"]
    assert all(path.stat().st_size > 1000 for path in paths)
