"""Processes of a deployment let waiting threads have the interpreter soon; less so where many threads wait."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

import weaverlab as weaver
from weaverlab import Component
from weaverlab.transport.turns import FEW, TURN_S

pytestmark = pytest.mark.usefixtures("no_process_left")

CROWD = 3 * FEW


class Interpreter(Component):
    def init(self) -> None:
        self.all_are_here = threading.Barrier(CROWD)

    def switch_interval_s(self) -> float:
        return sys.getswitchinterval()

    def switch_interval_of_a_crowd_s(self) -> float:
        self.all_are_here.wait(20)
        return sys.getswitchinterval()


def run(program: str) -> list[float]:
    """Return what a process of its own prints that has `turns`."""
    program = f"import sys; from weaverlab.transport.turns import Turns; turns = Turns(); {program}"
    return [float(line) for line in subprocess.check_output([sys.executable, "-c", program], timeout=20).split()]


def test_weavelets_and_whoever_deploys_them_take_short_turns() -> None:
    with weaver.deploy(Interpreter) as app:
        assert app.get(Interpreter).switch_interval_s() == TURN_S
        assert run("turns.shorten(); print(sys.getswitchinterval())") == [TURN_S]


def test_a_crowd_of_callers_takes_longer_turns_at_both_ends() -> None:
    intervals_s: list[float] = []
    with weaver.deploy(Interpreter) as app:
        call = app.get(Interpreter).switch_interval_of_a_crowd_s
        threads = [threading.Thread(target=lambda: intervals_s.append(call())) for _ in range(CROWD)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        # A little more than that: the deployer has a connection of its own, to ask how the weavelet is.
        assert len(intervals_s) == CROWD
        assert all(3 * TURN_S <= interval_s < 4 * TURN_S for interval_s in intervals_s)
        assert 3 * TURN_S <= sys.getswitchinterval() < 4 * TURN_S

    assert sys.getswitchinterval() < 3 * TURN_S


def test_turns_grow_with_the_connections_up_to_pythons_own_and_shrink_again() -> None:
    program = f"""
turns.shorten()
for change in [turns.opened] * {20 * FEW} + [turns.closed] * {20 * FEW}:
    change()
    print(sys.getswitchinterval())
"""
    intervals_s = run(f"exec({program!r})")

    assert intervals_s[FEW - 1] == intervals_s[-1] == TURN_S
    assert intervals_s[2 * FEW - 1] == 2 * TURN_S
    assert max(intervals_s) == 0.005


def test_turns_that_are_shorter_already_stay_so() -> None:
    assert run("sys.setswitchinterval(1e-4); turns.shorten(); print(sys.getswitchinterval())")[0] <= 1e-4


def test_who_sets_the_interval_later_keeps_it() -> None:
    program = "turns.shorten(); sys.setswitchinterval(0.01); [turns.opened() for _ in range(99)]"

    assert run(f"{program}; print(sys.getswitchinterval())") == [0.01]


def test_without_a_deployment_connections_change_nothing() -> None:
    assert run("turns.opened(); print(sys.getswitchinterval())") == [0.005]


def test_a_connection_that_the_garbage_collector_closes_may_be_closed_while_another_is_counted() -> None:
    program = """
turns.shorten()
turns.opened()
tell = sys.getswitchinterval

def tell_and_collect():
    sys.getswitchinterval = tell
    turns.closed()
    return tell()

sys.getswitchinterval = tell_and_collect
turns.opened()
print(turns._connections)
"""

    assert run(program) == [1]
