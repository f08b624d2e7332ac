"""Which rounds there are, and that goals, cases, peers and the list of their packages belong together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import beside, cases, colocated, goals, plan
from benchmarks.cases import CASES, LIMITS, OURS, PEERS, RAW, SYSTEMS
from benchmarks.plan import US, Asked
from benchmarks.system import AsyncSystem
from benchmarks.values import ITEMS

PEERS_TXT = Path(cases.__file__).with_name("peers.txt")


def test_a_peer_has_rounds_of_its_own() -> None:
    jobs = Asked(suites=("calls",), mode="free", systems=("handle", "Pipe", "BaseManager")).jobs()

    assert {job.group: job.systems for job in jobs} == {
        US: ("handle",),
        "Pipe": ("Pipe",),
        "BaseManager": ("BaseManager",),
    }


def test_both_modes_are_measured_unless_one_is_asked_for() -> None:
    assert [job.mode for job in Asked(suites=("beside",)).jobs()] == ["pinned", "free"]
    assert [job.mode for job in Asked(suites=("beside",), mode="free").jobs()] == ["free"]
    assert [job.mode for job in Asked(suites=("startup",), mode="pinned").jobs()] == ["pinned"]


def test_a_pinned_round_names_its_processor_and_a_free_one_does_not() -> None:
    pinned, free = Asked(suites=("beside",)).jobs()

    assert isinstance(pinned.spec()["cpu"], int)
    assert free.spec()["cpu"] is None


def test_quick_leaves_out_what_takes_long() -> None:
    quick, full = ({case for job in Asked(is_quick=quick).jobs() for case in job.cases} for quick in (True, False))

    assert full - quick == {
        "16 MiB ndarray",
        "16 MiB one way",
        "stream of tiny items",
        "stream of 64 KiB bytes",
    }


def test_quick_measures_every_system_that_has_a_goal_of_its_own() -> None:
    quick = {name for job in Asked(suites=("calls",), is_quick=True).jobs() for name in job.systems}

    assert {goal.system for goal in goals.GOALS if goal.suite == "calls"} <= quick


def test_a_peer_that_is_not_installed_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "is_here", lambda system: system.name != "Ray actor")

    asked = Asked(suites=("calls",))

    assert asked.skipped() == {"Ray actor": "ray is not installed"}
    assert "Ray actor" not in {job.group for job in asked.jobs()}


def test_every_peer_can_be_installed_by_the_list_of_packages() -> None:
    listed = {re.split(r"[<>=]", line)[0] for line in PEERS_TXT.read_text().splitlines() if not line.startswith("#")}

    assert {peer.distribution for peer in PEERS if peer.distribution} <= listed


def test_names_of_systems_and_cases_are_unique() -> None:
    assert len(SYSTEMS) == len(LIMITS) + len(OURS) + len(PEERS)
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_base_of_a_case_is_a_limit_that_takes_it_and_stands_before_it() -> None:
    names = [case.name for case in CASES]
    for number, case in enumerate(CASES):
        base = CASES[names.index(case.base_case or case.name)]
        assert names.index(base.name) <= number
        assert base.takes(SYSTEMS[case.base])


def test_more_than_32_callers_are_tasks() -> None:
    crowd = next(case for case in CASES if case.callers > 32)

    assert all(isinstance(system, AsyncSystem) for system in SYSTEMS.values() if crowd.takes(system))
    assert not crowd.takes(SYSTEMS[RAW])


def test_streams_are_read_by_the_limits_and_the_handles() -> None:
    streams = [case for case in CASES if case.method == "stream"]

    assert {case.items for case in streams} == {ITEMS}
    for case in streams:
        readers = {name for name, system in SYSTEMS.items() if case.takes(system)}
        assert readers == {limit.name for limit in LIMITS} | {"handle", "handle, asyncio", "handle, uvloop"}


@pytest.mark.parametrize("goal", goals.GOALS, ids=lambda goal: f"{goal.system}: {goal.case}")
def test_a_goal_speaks_of_something_that_is_measured(goal: goals.Goal) -> None:
    assert goal.suite in plan.SUITES
    assert not goal.other or goal.other in SYSTEMS
    if goal.suite == "calls":
        (case,) = (case for case in CASES if case.name == goal.case)
        assert case.takes(SYSTEMS[goal.system])
    if goal.suite == "colocated":
        assert goal.system in colocated.NAMES
    if goal.suite == "beside":
        assert goal.case.removeprefix("p50, ") in {row["case"].removeprefix("p50, ") for row in beside_rows()}


def beside_rows() -> list[dict[str, object]]:
    return [row for place in beside.PLACES for row in beside.rows_of(place, {"raw": [1.0], "handle": [1.0]})]
