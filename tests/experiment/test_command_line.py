"""`weaverlab experiment run` as its user meets it: lists of values, a report, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from weaverlab.experiment import load

SCRIPT = """
import os, signal
from dataclasses import dataclass
from weaverlab.experiment import Measured, sweep

@dataclass(frozen=True)
class Cell:
    store: str
    rate: float
    delay_ms: float

def measure(run, tell):
    if run.cell.store == "down":
        raise ConnectionError("nobody answers")
    if run.cell.store == "impatient":
        os.kill(os.getpid(), signal.SIGINT)
    return Measured({"requests": 1, "errors": 0, "missing_outcomes": 0})

def main(options):
    options.expect(stores=["up", "down", "impatient"], rates=True, delays=True)
    rates, delays_ms = options.rates or (1.0,), options.delays_ms or (0.0,)
    cells = [Cell(store, rate, delay_ms) for store in options.stores for rate in rates for delay_ms in delays_ms]
    return sweep("example", cells, measure, options, shown=["requests"])
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "experiments" / "example").mkdir(parents=True)
    (folder / "experiments" / "example" / "run.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "weaverlab.cli", "experiment", "run", "example", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30)


def test_every_combination_of_the_lists_is_measured_and_the_report_printed(tmp_path):
    ended = run(tmp_path, "--store", "up", "--rate", "10, 100", "--rate", "10", "--delay", "0,50", "--repeats", "1")

    results = load(tmp_path / "results" / "example")
    assert ended.returncode == 0
    assert sorted((row["rate"], row["delay_ms"]) for row in results.rows) == [(10, 0), (10, 50), (100, 0), (100, 50)]
    assert ended.stdout.startswith("example: store up, 1 repeats, seed 1.\nrate  delay (ms)  requests\n")


def test_runs_that_fail_are_told_and_make_the_exit_code_1(tmp_path):
    ended = run(tmp_path, "--store", "up,down", "--quick")

    assert ended.returncode == 1
    assert ended.stdout.count("ConnectionError: nobody answers") == 2
    assert len(load(tmp_path / "results" / "example").rows) == 2


def test_ctrl_c_is_exit_code_130_and_what_was_measured_is_shown(tmp_path):
    ended = run(tmp_path, "--store", "impatient,up", "--seed", "3", "--repeats", "50")

    assert ended.returncode == 130
    assert "of 100 runs were made." in ended.stderr
    assert load(tmp_path / "results" / "example").planned == 100


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--rate", "10,fast"], "'fast' is not a valid number"),
        (["--rate", "nan"], "'nan' is not a valid number"),
        (["--delay", "nan"], "'nan' is not a valid number"),
        (["--delay", "-1"], "-1.0 is not in the range"),
        (["--store", "upp"], "--store upp: not a store of this experiment. Did you mean 'up'?"),
        (["--repeats", "0"], "0 is not in the range"),
    ],
)
def test_what_cannot_be_measured_is_wrong_use(tmp_path, words, complaint):
    ended = run(tmp_path, *words)

    assert ended.returncode == 2
    assert complaint in ended.stderr
