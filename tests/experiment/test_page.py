"""Results in a page of the documentation, between two lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.experiment.sample import results, row
from weaverlab.errors import ConfigError
from weaverlab.experiment.page import BEGIN, END, beside, insert, section

TOP = Path(__file__).parents[2]
ABOUT = {
    **{"experiment": "post_notification", "options": {"repeats": 5, "seed": 1}, "started": "2026-01-01", "commit": "c"},
    **{"python": "CPython 3.11", "platform": "Linux", "processors": 2, "processor": "EPYC", "load_average": [0.1]},
}
ROWS = [row(strategy, store="redis", rate=rate) for strategy in ("none", "barrier") for rate in (10.0, 100.0)]


def test_only_what_is_between_the_lines_of_that_name_is_replaced():
    page = f"a\n{BEGIN.format('one')}\nold\n{END}\nb\n{BEGIN.format('two')}\nkept\n{END}\n"

    written = insert(insert(page, "one", "new"), "one", "newer")

    assert written == page.replace("\nold\n", "\n\nnewer\n\n")


@pytest.mark.parametrize("page", ["", BEGIN.format("one"), f"{END}{BEGIN.format('one')}"])
def test_a_page_without_both_lines_is_refused(page):
    with pytest.raises(ConfigError, match="the page needs a line"):
        insert(page, "one", "new")


def test_ours_stand_beside_what_others_have_published(monkeypatch):
    monkeypatch.chdir(TOP)

    lines = beside(results(*ROWS, manifest=ABOUT)).splitlines()

    ours = [line for line in lines if line.startswith("| here | redis | 10 ")]
    assert ours == [
        "| here | redis | 10 | 0/80 = 0.0 % (0.0 to 4.6) | 80 ms | 0/80 = 0.0 % (0.0 to 4.6) | 80 ms | 80 ms |"
    ]
    assert "| published | Redis | 600 | 0 to 0.6 % | 66 to 71 ms | 0 % | 69 to 71 ms |  |" in lines


def test_a_section_says_how_it_was_measured_and_refers_to_its_figures(tmp_path, monkeypatch):
    monkeypatch.chdir(TOP)

    text = section(results(*ROWS, manifest=ABOUT | {"servers": {"redis": {"version": "7.0"}}}), "stores", tmp_path)

    assert "5 repeats, seed 1" in text and "redis 7.0" in text
    assert "**" not in text
    assert "![stores: rate](images/stores-rate.svg)" in text and (tmp_path / "stores-rate.svg").exists()


def test_an_interrupted_sweep_says_so_on_the_page(tmp_path):
    text = section(results(*ROWS, manifest=ABOUT, planned=9), "stores", tmp_path)

    assert "**Interrupted after 4 of 9 runs.**" in text


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"load_average": [2.0]}, "**The machine was busy with other programs.**"),
        ({"options": {"repeats": 2, "seed": 1}}, "**Fewer than 5 repeats.**"),
    ],
)
def test_what_speaks_against_the_figures_is_said(tmp_path, change, warning):
    assert warning in section(results(*ROWS, manifest=ABOUT | change), "stores", tmp_path)
