"""A sweep keeps what it has measured, whatever happens to the rest of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from weaverlab.errors import ConfigError
from weaverlab.experiment import Measured, Options, Results, Run, load, sweep


@dataclass(frozen=True)
class Cell:
    strategy: str
    rate: float


CELLS = [Cell("none", 10.0), Cell("barrier", 10.0), Cell("barrier", 100.0)]


def measured(run: Run[Cell], tell: object) -> Measured:
    """Ten requests a run, of which all but those with a barrier are violated; request 3 has no outcome."""
    violations = 9 if run.cell.strategy == "none" else 0
    row = {"requests": 10, "errors": 0, "missing_outcomes": 1, "violations": violations, "outcomes": 9}
    windows_ms = [None if n == 3 else run.cell.rate + n for n in range(10)]
    return Measured(row, [{"n": n, "window_ms": window_ms} for n, window_ms in enumerate(windows_ms)])


def swept(folder: Path, measure=measured, **options) -> Results:
    return sweep("example", CELLS, measure, Options(folder, **options), shown=["violations/outcomes"])


def test_every_run_is_a_row_with_its_factors_first_and_all_requests_are_kept(tmp_path):
    results = swept(tmp_path)

    assert Counter((row["strategy"], row["rate"]) for row in results.rows) == dict.fromkeys(
        [("none", 10.0), ("barrier", 10.0), ("barrier", 100.0)], 5
    )
    assert (tmp_path / "results.csv").read_text().splitlines()[0] == (
        "strategy,rate,repeat,requests,errors,missing_outcomes,violations,outcomes"
    )
    assert len(results.requests()) == 150
    assert [one["window_ms"] for one in results.where(rate=100.0).requests()[:4]] == [100.0, 101.0, 102.0, None]


def test_pictures_of_an_earlier_sweep_do_not_stay_beside_new_rows(tmp_path):
    swept(tmp_path, repeats=1)
    for name in ("window.svg", "window.png", "mine.png"):
        (tmp_path / name).touch()

    swept(tmp_path, repeats=1)

    assert {file.name for file in tmp_path.iterdir()} == {"results.json", "results.csv", "requests.csv", "mine.png"}


def test_what_is_loaded_later_is_what_was_returned(tmp_path):
    results = swept(tmp_path, quick=True)

    assert load(tmp_path) == load(tmp_path / "results.json") == results
    assert repr(load(tmp_path)) == results.report()


def test_a_run_that_fails_is_kept_as_a_failure_and_the_others_go_on(tmp_path, capsys):
    def failing(run: Run[Cell], tell: object) -> Measured:
        if run.cell.rate == 100.0 and run.repeat == 2:
            raise RuntimeError("the server\nis down")
        return measured(run, tell)

    results = swept(tmp_path, failing)

    assert len(results.rows) == 14
    [failure] = results.failures
    assert failure["error"] == "RuntimeError: the server is down" and "in failing" in failure["traceback"]
    assert "Failed: strategy barrier, rate 100, repeat 2: RuntimeError: the server is down" in results.report()
    assert "failed. RuntimeError: the server is down" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_measured_and_shows_it(tmp_path, capsys):
    def interrupted(run: Run[Cell], tell: object) -> Measured:
        if run.repeat == 2:
            raise KeyboardInterrupt
        return measured(run, tell)

    with pytest.raises(KeyboardInterrupt):
        swept(tmp_path, interrupted)

    results = load(tmp_path)
    assert len(results.rows) == 3 and len(results.requests()) == 30
    assert "Interrupted: 3 of 15 runs were made." in results.report()
    assert results.report() in capsys.readouterr().err


def test_even_a_killed_sweep_leaves_whole_files(tmp_path):
    """After each run the files hold all runs before it: nothing is kept in memory until the end."""
    seen = []

    def looking(run: Run[Cell], tell: object) -> Measured:
        so_far = load(tmp_path)
        seen.append((len(so_far.rows), len(so_far.requests())))
        return measured(run, tell)

    swept(tmp_path, looking, repeats=1)

    assert seen == [(0, 0), (1, 10), (2, 20)]


def test_results_of_an_earlier_sweep_do_not_mix_with_those_of_the_next(tmp_path):
    swept(tmp_path)
    results = swept(tmp_path, repeats=1)

    assert (len(results.rows), len(results.requests())) == (3, 30)


def test_a_manifest_says_what_was_asked_and_what_the_surroundings_were(tmp_path):
    surroundings = {"servers": {"redis": "7.0.15"}}
    options = Options(tmp_path, seed=3)
    results = sweep("example", CELLS, measured, options, config="[x]", surroundings=lambda: surroundings)

    about = results.manifest
    assert about["servers"] == {"redis": "7.0.15"} and about["config"] == "[x]"
    assert about["options"] | {"seed": 3, "repeats": 5, "quick": False} == about["options"]
    assert json.loads((tmp_path / "results.json").read_text())["manifest"] == about


def test_progress_says_which_run_what_came_of_it_and_how_long_the_rest_takes(tmp_path, capsys):
    swept(tmp_path, repeats=1)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("1/3 strategy ") and "repeat 1: measured (about 0 s left)" in lines[0]
    assert lines[2].endswith("measured")


def test_rows_of_requests_with_other_columns_are_a_mistake_of_the_experiment(tmp_path):
    def uneven(run: Run[Cell], tell: object) -> Measured:
        return Measured(measured(run, tell).row, [{"n": 1, run.cell.strategy: 2}])

    with pytest.raises(ValueError, match="cannot take rows with"):
        swept(tmp_path, uneven, repeats=1)


def test_a_sweep_of_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no cell to measure"):
        sweep("example", [], measured, Options(tmp_path))


def test_a_cell_that_is_there_twice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"Cell\(strategy='none', rate=10\.0\) is there twice"):
        sweep("example", [*CELLS, CELLS[0]], measured, Options(tmp_path))


def test_a_column_that_is_to_be_shown_and_is_not_there_is_no_zero(tmp_path):
    with pytest.raises(ConfigError, match=r"a row has no 'violatoins'\. Did you mean 'violations'\?"):
        sweep("example", CELLS, measured, Options(tmp_path), shown=["violatoins/outcomes"])


def test_what_is_not_measured_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"measure\(\) returned {'requests': 3}: expected Measured"):
        swept(tmp_path, lambda run, tell: {"requests": 3})


def test_where_there_are_no_results_the_error_says_what_to_give(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read results .* Give the folder of a run"):
        load(tmp_path)

    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(ConfigError, match="expected the results of a run, saw list"):
        load(tmp_path)
