"""How much of a deployment's log a run shows."""

from __future__ import annotations

import pytest

from weaverlab.experiment import Warnings
from weaverlab.experiment.warnings import WARNINGS_MAX


def entry(level: str, message: str) -> dict[str, object]:
    return {"wall_s": 0.0, "level": level, "component": "Posts", "replica": "Posts/0", "message": message}


def test_the_first_warnings_are_shown_then_that_there_are_more(capsys: pytest.CaptureFixture[str]) -> None:
    warnings = Warnings()
    warnings.show(entry("INFO", "all is well"))
    for n in range(WARNINGS_MAX + 5):
        warnings.show(entry("WARNING", f"the store is down, {n}"))

    lines = capsys.readouterr().err.splitlines()

    assert len(lines) == WARNINGS_MAX + 1
    assert lines[0].endswith("the store is down, 0")
    assert lines[-1] == "(further warnings of this run are not shown)"
