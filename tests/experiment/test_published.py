"""What others have published, as it stands in the checkout."""

from __future__ import annotations

from pathlib import Path

from weaverlab.experiment import published

TOP = Path(__file__).parents[2]


def test_every_published_cell_has_two_sides_and_a_source(monkeypatch):
    monkeypatch.chdir(TOP / "notebooks")

    figures = published("post_notification")

    assert {(one.store, one.rate) for one in figures} == {
        *(("MongoDB", 10), ("MongoDB", 100), ("MySQL 8", 10), ("MySQL 8", 70), ("MySQL 8", 100)),
        *(("Redis", 10), ("Redis", 600)),
    }
    assert [one.strategy for one in figures] == ["none", "barrier"] * 7
    assert all(one.source and one.violations[0] <= one.violations[1] for one in figures)
    assert all(one.violations == (0, 0) for one in figures if one.strategy == "barrier")


def test_an_experiment_of_which_nothing_was_published_has_nothing_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(TOP)
    assert published("example") == []

    monkeypatch.chdir(tmp_path)
    assert published("post_notification") == []
