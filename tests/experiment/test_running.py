"""From the name of an experiment to its `main(options)`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from weaverlab import experiment
from weaverlab.errors import ConfigError


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """A folder with two experiments, `coins` and `dice`, as the working folder."""
    for name in ("coins", "dice"):
        folder = tmp_path / "experiments" / name
        folder.mkdir(parents=True)
        (folder / f"{name}_rules.py").write_text("ANSWER = 42")
        (folder / "run.py").write_text(
            f"from {name}_rules import ANSWER\n"
            "def main(options):\n"
            "    (options.output / 'seen.txt').write_text(f'{ANSWER} {options.seed} {options.quick} {options.rate}')\n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return tmp_path


def test_an_experiment_is_run_with_its_options_and_the_files_beside_it(checkout):
    experiment.run("coins", output=checkout / "new" / "place", quick=True, seed=3, rate=10.0, seconds=None)

    assert (checkout / "new" / "place" / "seen.txt").read_text() == "42 3 True 10.0"


def test_results_go_to_a_folder_of_that_name_unless_told_otherwise(checkout):
    experiment.run("dice")

    assert (checkout / "results" / "dice" / "seen.txt").read_text() == "42 1 False None"


def test_a_misspelt_experiment_is_answered_with_the_nearest_and_with_all(checkout):
    with pytest.raises(ConfigError, match=r"no experiment 'coin'\. Did you mean 'coins'\? There are: coins, dice\."):
        experiment.run("coin")

    assert not (checkout / "results").exists()


def test_outside_of_a_checkout_the_error_says_where_experiments_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ConfigError, match="top of a checkout"):
        experiment.run("coins")


def test_a_script_without_main_is_named(checkout):
    (checkout / "experiments" / "coins" / "run.py").write_text("print('hello')")

    with pytest.raises(ConfigError, match=r"coins/run\.py defines no main"):
        experiment.run("coins")
