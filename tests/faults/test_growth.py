"""What is started and ended again and again leaves nothing in the process that does it."""

from __future__ import annotations

from typing import Literal

import pytest

from benchmarks import fault_trials as trials

pytestmark = pytest.mark.usefixtures("no_process_left")

# What may come without being left: caches of the standard library that fill, and the connection of a question to a
# weavelet. One for each round would be more.
OBJECTS_MAX = 40
CONNECTIONS_MAX = 3


@pytest.mark.slow
def test_restarts_leave_nothing_in_the_deployer() -> None:
    settled, later = trials.restarts((4, 20))

    assert later.threads == settled.threads
    assert later.descriptors - settled.descriptors <= CONNECTIONS_MAX
    assert later.objects - settled.objects < OBJECTS_MAX


@pytest.mark.slow
@pytest.mark.parametrize(("deployer", "rounds"), [("single", 100), ("rpc", 100), ("multi", 20)])
def test_deploying_and_stopping_leaves_nothing_in_its_process(
    deployer: Literal["single", "rpc", "multi"], rounds: int
) -> None:
    settled, later = trials.cycles(deployer, (5, 5 + rounds))

    assert (later.threads, later.descriptors) == (settled.threads, settled.descriptors)
    assert later.objects - settled.objects < OBJECTS_MAX
