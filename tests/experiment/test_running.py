"""From the name of an experiment to its `main(options)`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from weaverlab import experiment
from weaverlab.errors import ConfigError
from weaverlab.experiment import Options
from weaverlab.experiment.running import forget
from weaverlab.servers.programs import NEEDS
from weaverlab.stores.kinds import KINDS, Kind

TOP = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder with two experiments, `coins` and `dice`, as the working folder."""
    for name in ("coins", "dice"):
        folder = tmp_path / "experiments" / name
        folder.mkdir(parents=True)
        (folder / f"{name}_rules.py").write_text("ANSWER = 42")
        (folder / "run.py").write_text(
            f"from {name}_rules import ANSWER\n"
            "def main(options):\n"
            "    (options.output / 'seen.txt').write_text(f'{ANSWER} {options.seed} {options.quick} {options.rates}')\n"
            "    return 'results'\n"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    yield tmp_path
    forget(tmp_path / "experiments")


def test_an_experiment_is_run_with_its_options_and_the_files_beside_it(checkout):
    experiment.run("coins", output=checkout / "new" / "place", quick=True, seed=3, rates=[10.0])

    assert (checkout / "new" / "place" / "seen.txt").read_text() == "42 3 True (10.0,)"


def test_results_go_to_a_folder_of_that_name_unless_told_otherwise(checkout):
    experiment.run("dice")

    assert (checkout / "results" / "dice" / "seen.txt").read_text() == "42 1 False ()"


def test_from_a_folder_below_as_a_notebook_is_in_the_experiments_are_found_too(checkout, monkeypatch):
    (checkout / "notebooks").mkdir()
    monkeypatch.chdir(checkout / "notebooks")

    experiment.run("coins", output=checkout / "there")

    assert (checkout / "there" / "seen.txt").exists()


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


def test_an_experiment_that_forgets_to_return_its_results_is_told(checkout):
    (checkout / "experiments" / "coins" / "run.py").write_text("def main(options): ...")

    with pytest.raises(ConfigError, match=r"coins/run\.py: main\(\) returned nothing: expected what `sweep` returns"):
        experiment.run("coins")


def test_two_experiments_of_one_process_have_files_of_the_same_name_each_its_own(checkout):
    """As in a notebook that runs one after the other: nearly every experiment has an `app.py`."""
    for name, answer in (("coins", 1), ("dice", 2)):
        (checkout / "experiments" / name / "app.py").write_text(f"ANSWER = {answer}")
        (checkout / "experiments" / name / "run.py").write_text(
            "def main(options):\n    from app import ANSWER\n    return ANSWER\n"
        )

    assert [experiment.run("coins"), experiment.run("dice"), experiment.run("coins")] == [1, 2, 1]


def test_what_an_experiment_has_no_use_for_is_refused_all_at_once(tmp_path):
    options = Options(tmp_path, stores=("redis", "embeded"), rates=(10.0,), delays_ms=(0.0,))

    with pytest.raises(ConfigError) as refused:
        options.expect(stores=("embedded", "mariadb"), rates=True)

    assert [line.partition("--")[2] for line in str(refused.value).splitlines()[1:]] == [
        "delay: this experiment has no such factor. Leave it out.",
        "store redis: not a store of this experiment. It has: embedded, mariadb.",
        "store embeded: not a store of this experiment. Did you mean 'embedded'? It has: embedded, mariadb.",
    ]


def test_what_this_machine_lacks_is_said_before_anything_is_measured(tmp_path, monkeypatch):
    monkeypatch.setitem(KINDS, "redis", Kind("weaverlab.stores.redis", "no_such_client"))
    monkeypatch.setitem(NEEDS, "rabbitmq", replace(NEEDS["rabbitmq"], programs=("no-such-program",)))

    with pytest.raises(ConfigError) as refused:
        Options(tmp_path, stores=("redis", "embedded+rabbitmq")).expect(stores=("redis", "embedded+rabbitmq"))

    assert "--store redis: 'redis' needs the library no_such_client. Install it: " in str(refused.value)
    assert "--store embedded+rabbitmq: rabbitmq servers cannot be started here:" in str(refused.value)


def test_five_repeats_unless_it_must_be_quick_or_something_else_is_asked(tmp_path):
    repeats = [
        Options(tmp_path).repeat_count,
        Options(tmp_path, quick=True).repeat_count,
        Options(tmp_path, repeats=9).repeat_count,
    ]

    assert repeats == [5, 2, 9]


def test_the_experiment_in_the_documentation_runs(checkout, capsys):
    text = (TOP / "experiments" / "README.md").read_text(encoding="utf-8")
    (checkout / "experiments" / "coins" / "run.py").write_text(text.split("```python\n")[1].split("```")[0])

    results = experiment.run("coins", repeats=3)

    assert len(results.rows) == 6 and len(results.requests()) == 60
    assert "bent  " in results.report()
