"""A figure is that of one call, and of one item where the call reads a stream. No time is measured here."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from benchmarks import calls
from benchmarks.calls import Entrant, measure_case
from benchmarks.cases import Case
from benchmarks.ours import EchoService
from benchmarks.system import System
from benchmarks.timing import Callers
from benchmarks.values import ITEMS


class Steady:
    """Callers whose calls take a second each, all at once, and the processor is busy with them."""

    spent_s = 0.0

    def __init__(self, count: int) -> None:
        self.count = count

    def run(self, calls: int) -> float:
        Steady.spent_s += calls
        return float(calls)

    def close(self) -> None: ...


class SteadyEntrant(Entrant):
    def callers(self, case: Case) -> Callers:
        return Steady(case.callers)


class AnySystem(System):
    methods = ("echo", "stream")


@pytest.mark.parametrize(
    ("case", "at_once"),
    [
        (Case("tiny", "tiny"), 1),
        (Case("32 callers", "tiny", callers=32), 32),
        (Case("stream", "tiny", method="stream"), ITEMS),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else "",
)
def test_a_second_is_divided_by_all_calls_or_items_in_it(
    case: Case, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "cpu_clock", lambda pids: lambda: Steady.spent_s)

    with ExitStack() as stack:
        (row,) = measure_case(case, [SteadyEntrant(AnySystem("any"), stack)], blocks=3, block_s=1.0)

    assert row["value"] == pytest.approx(1e6 / at_once)
    assert row["cpu_us"] == pytest.approx(1e6 / at_once)
    assert row["blocks"] == pytest.approx([1e6 / at_once] * 3)


async def test_the_component_yields_the_items_that_a_figure_is_divided_by() -> None:
    assert list(EchoService.stream(None, "hello")) == ["hello"] * ITEMS  # type: ignore[arg-type]
    assert [item async for item in EchoService.stream_async(None, "hello")] == ["hello"] * ITEMS  # type: ignore[arg-type]
