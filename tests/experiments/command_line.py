"""Experiments as they are run from the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from weaverlab.experiment import Results, load

TOP = Path(__file__).parents[2]


def run_briefly(name: str, folder: Path, *words: str) -> tuple[Results, str]:
    """Run an experiment as briefly as can be, with results in `folder`; return these and what it printed."""
    short = ["--quick", "--seconds", "0.3", "--repeats", "1", "--output", str(folder)]
    command = [sys.executable, "-m", "weaverlab.cli", "experiment", "run", name, *short, *words]
    ended = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=55)
    assert ended.returncode == 0, ended.stderr
    return load(folder), ended.stdout
