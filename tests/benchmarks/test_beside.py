"""One thread computes at a time: a system is started for its own calls, and stopped before the next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks import beside
from benchmarks.system import Caller, System


class Noted(System):
    """Writes down what is done with it."""

    def __init__(self, name: str, notes: list[str], fails: bool = False) -> None:
        super().__init__(name)
        self._notes = notes
        self._fails = fails

    def start(self) -> None:
        self._notes.append("start")
        self.stack.callback(self._notes.append, "stop")

    def connect(self, method: str = "echo") -> Caller:
        def call(value: Any) -> Any:
            self._notes.append("call")
            if self._fails:
                raise ValueError("as asked")
            return value

        return call


@contextmanager
def computing(notes: list[str]) -> Iterator[None]:
    notes.append("compute")
    try:
        yield
    finally:
        notes.append("rest")


def test_a_system_is_there_for_its_own_calls_only() -> None:
    notes: list[str] = []

    times_us = beside.time_beside(Noted("one", notes), computing(notes), 0.0)

    assert notes == ["start", "compute", *["call"] * 2 * beside.WARM_UP, "rest", "stop"]
    assert len(times_us) == beside.WARM_UP and min(times_us) > 0


def test_a_system_that_fails_is_stopped() -> None:
    notes: list[str] = []

    with pytest.raises(ValueError, match="as asked"):
        beside.time_beside(Noted("one", notes, fails=True), computing(notes), 0.0)

    assert notes == ["start", "compute", "call", "rest", "stop"]
