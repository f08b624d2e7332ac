"""Weavelets that die or stop while many call them: what callers are told is what was done."""

from __future__ import annotations

import pytest

from benchmarks import fault_trials as trials

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2])
def test_killing_weavelets_fails_no_call_that_may_be_repeated_and_loses_none(replicas: int) -> None:
    result = trials.kill(kills=3, replicas=replicas, rate=500)

    assert result.untrue == []
    assert result.failed_retriable == 0
    assert set(result.errors) <= {"CallLost", "Unreachable"}
    assert result.failed_once < result.calls / 2
    assert len(result.recovered_s) == 3
