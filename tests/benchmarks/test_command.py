"""The command, with what was measured before: it prints, writes, and its exit code says whether something is worse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.__main__ import main
from benchmarks.plan import Asked
from benchmarks.report import new_report
from tests.benchmarks.figures import round_of, row


def measured(path: Path, ratio: float) -> str:
    rounds = [round_of(row("handle", "tiny", 10 * ratio, base=10.0)) for _ in range(5)]
    path.write_text(json.dumps({**new_report(Asked(suites=("calls",)), rounds=5), "rounds": rounds}))
    return str(path)


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def baseline(tmp_path: Path) -> str:
    path = str(tmp_path / "baseline.json")
    assert command("--read", measured(tmp_path / "before.json", 1.3), "--save-baseline", path).exit_code == 0
    return path


def test_what_is_as_it_was_passes(tmp_path: Path, baseline: str) -> None:
    result = command("--read", measured(tmp_path / "now.json", 1.4), "--check", baseline)

    assert result.exit_code == 0
    assert "1 ratios compared, 0 have regressed" in result.output


def test_what_has_become_worse_fails_and_is_named(tmp_path: Path, baseline: str) -> None:
    result = command("--read", measured(tmp_path / "now.json", 2.0), "--check", baseline)

    assert result.exit_code == 1
    assert "REGRESSED calls / pinned / handle / tiny: 2.00 x its limit" in result.output


def test_a_baseline_of_nothing_in_common_fails(tmp_path: Path) -> None:
    empty = tmp_path / "empty.json"
    empty.write_text('{"ratios": {}}')

    result = command("--read", measured(tmp_path / "now.json", 1.3), "--check", str(empty))

    assert result.exit_code == 1
    assert "Nothing could be compared" in result.output


def test_a_failed_round_of_ours_fails_the_command_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "now.json"
    failed = {"suite": "beside", "group": "WeaverLab", "mode": "free", "number": 2, "error": "no room"}
    path.write_text(json.dumps({**new_report(Asked(suites=("beside",)), rounds=2), "rounds": [failed]}))

    result = command("--read", str(path))

    assert result.exit_code == 1
    assert "WeaverLab: failed in round 2, beside, free: no room" in result.output


def test_a_missing_baseline_is_told_before_anything_is_measured(tmp_path: Path) -> None:
    result = command("--check", str(tmp_path / "none.json"))

    assert result.exit_code == 2
    assert "--save-baseline" in result.output


def test_an_unknown_suite_or_system_is_refused_with_those_that_exist() -> None:
    assert "'colocated'" in command("colocate").output
    assert "'Ray actor'" in command("--system", "ray").output


def test_the_json_that_is_written_can_be_read_again(tmp_path: Path) -> None:
    before, copy = tmp_path / "before.json", tmp_path / "copy.json"

    command("--read", measured(before, 1.3), "--json", str(copy))

    assert json.loads(copy.read_text()) == json.loads(before.read_text())
