"""A round that fails says so by name, and what it leaves behind is ended and told."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from benchmarks import rounds
from benchmarks.plan import US, Job

pytestmark = pytest.mark.usefixtures("no_process_left")


STREAMS = ("stream of tiny items", "stream of 64 KiB bytes")


def job(
    suite: str = "calls", group: str = US, systems: tuple[str, ...] = (), cases: tuple[str, ...] = ("tiny",)
) -> Job:
    return Job(suite, "free", group, systems, cases, 1, 0.001)


@pytest.mark.slow
def test_a_round_brings_a_row_for_each_system_and_leaves_nothing() -> None:
    one = rounds.run_round(job(systems=("handle", "handle, asyncio", "pool", "channel, asyncio", "Pipe")), 1)

    tiny = {row["system"]: row for row in one["rows"] if row["case"] == "tiny"}
    assert list(tiny) == ["raw", "raw out of band", "handle", "handle, asyncio", "pool", "channel, asyncio", "Pipe"]
    assert {row["base"] for row in tiny.values()} == {tiny["raw"]["value"]}
    assert all(row["value"] > 0 and row["cpu_us"] > 0 for row in tiny.values())
    assert "left" not in one


@pytest.mark.slow
def test_streams_are_read_through_by_those_that_have_them_and_left_out_by_others() -> None:
    one = rounds.run_round(job(systems=("handle", "handle, asyncio", "pool"), cases=STREAMS), 1)

    for case in STREAMS:
        found = [row for row in one["rows"] if row["case"] == case]
        assert [row["system"] for row in found] == ["raw", "raw out of band", "handle", "handle, asyncio"]
        assert all(row["value"] > 0 and row["base"] > 0 for row in found)
    assert "left" not in one


@pytest.mark.slow
@pytest.mark.parametrize("suite", ["colocated", "serialisation"])
def test_the_other_suites_run_through(suite: str) -> None:
    one = rounds.run_round(job(suite), 1)

    assert "error" not in one
    assert all(row["value"] >= 0 for row in one["rows"])


def test_the_error_of_a_round_is_the_last_line_of_its_process() -> None:
    one = rounds.run_round(job("no_such_suite"), 1)

    assert one["error"] == "ModuleNotFoundError: No module named 'benchmarks.no_such_suite'"
    assert one["output"].startswith("Traceback")
    assert "rows" not in one


def test_what_a_round_leaves_behind_is_killed_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LEFT_TIMEOUT_S", 0.0)
    started = []

    def leave(job: Job, folder: str) -> list[dict[str, Any]]:
        started.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True))
        return []

    monkeypatch.setattr(rounds, "_run_child", leave)

    one = rounds.run_round(job(), 1)

    assert [f"process {started[0].pid} " in left for left in one["left"]] == [True]
    assert started[0].wait(5) != 0


def fail(job: Job, number: int) -> dict[str, Any]:
    one = {"suite": job.suite, "group": job.group, "mode": job.mode, "number": number, "elapsed_s": 0.0}
    return {**one, "output": "Traceback\nno room", "error": "no room"}


def test_a_peer_that_has_failed_is_not_asked_again_and_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured before is kept: an error in the last round does not throw an hour of rounds away."""
    monkeypatch.setattr(rounds, "run_round", fail)
    said: list[str] = []

    done = rounds.run_rounds([job(group="Ray actor"), job()], 3, said.append)

    assert [one["group"] for one in done] == ["Ray actor", US, US, US]
    assert said[1] == "Traceback\nno room\nthis round failed"
