"""A weavelet that is stopped takes calls and answers none: its callers do not wait for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import weaverlab as weaver
from benchmarks import fault_trials as trials
from benchmarks.fault_trials import Ledger
from weaverlab import Deployment
from weaverlab.errors import RemoteCallError

pytestmark = [pytest.mark.usefixtures("no_process_left"), pytest.mark.slow]

CALLERS = 6


@pytest.fixture
def app() -> Iterator[Deployment]:
    with trials.ledgers(replicas=2) as app:
        yield app


async def as_tasks(method: Any, path: Path) -> list[int]:
    return list(await asyncio.gather(*(method(str(path), f"task{n}") for n in range(CALLERS))))


def test_calls_that_may_be_repeated_are_answered_by_another_replica_while_one_is_frozen(
    app: Deployment, tmp_path: Path
) -> None:
    ledger, path = app.get(Ledger), tmp_path / "ledger"
    victim, other = app.replicas(Ledger)
    answered_before = {ledger.enter(str(path), f"before{n}") for n in range(2)}

    with trials.frozen(victim.pid), ThreadPoolExecutor(CALLERS) as threads:
        blocked = threads.map(lambda n: ledger.enter(str(path), f"thread{n}"), range(CALLERS))
        answers = {*asyncio.run(as_tasks(ledger.enter_async, path)), *blocked}

    assert answered_before == {victim.pid, other.pid}
    assert answers == {other.pid}
    trials.wait_for(lambda: ledger.enter(str(path), "after") == victim.pid)


def test_a_deadline_is_kept_while_a_replica_is_frozen(app: Deployment, tmp_path: Path) -> None:
    ledger, path = app.get(Ledger), tmp_path / "ledger"
    victim, other = app.replicas(Ledger)

    def call(method: Any) -> tuple[object, float]:
        began_s = time.monotonic()
        try:
            with weaver.timeout(0.3):
                answer = method(str(path), "late")
                return (asyncio.run(answer) if asyncio.iscoroutine(answer) else answer), 0.0
        except RemoteCallError as error:
            return error, time.monotonic() - began_s

    with trials.frozen(victim.pid):
        methods = [ledger.enter, ledger.enter_once, ledger.enter_async, ledger.enter_once_async]
        outcomes = [call(method) for method in methods for _ in range(4)]

    failed = [waited_s for outcome, waited_s in outcomes if isinstance(outcome, RemoteCallError)]
    assert {outcome for outcome, _ in outcomes if not isinstance(outcome, RemoteCallError)} == {other.pid}
    assert min(failed) >= 0.3 and max(failed) < 5.0


def test_a_frozen_weavelet_ends_with_its_deployer() -> None:
    assert trials.kill_deployer(freezes_one=True) < 10.0  # mostly a tenth of a second
