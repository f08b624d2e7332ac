"""Processes of a deployment let waiting threads have the interpreter soon."""

from __future__ import annotations

import subprocess
import sys

import weaverlab as weaver
from weaverlab import Component
from weaverlab.runtime.turns import TURN_S


class Interpreter(Component):
    def switch_interval_s(self) -> float:
        return sys.getswitchinterval()


def test_weavelets_and_whoever_deploys_them_take_short_turns() -> None:
    with weaver.deploy(Interpreter) as app:
        assert app.get(Interpreter).switch_interval_s() == TURN_S == sys.getswitchinterval()


def test_turns_that_are_shorter_already_stay_so() -> None:
    program = (
        "import sys; sys.setswitchinterval(1e-4);"
        "from weaverlab.runtime.turns import shorten_turns; shorten_turns(); print(sys.getswitchinterval())"
    )

    assert float(subprocess.check_output([sys.executable, "-c", program])) < TURN_S
