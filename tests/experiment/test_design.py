"""Which runs a sweep makes, and in which order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from weaverlab.clock import system_rng
from weaverlab.experiment.design import Run, plan_runs


@dataclass(frozen=True)
class Cell:
    store: str
    delay_ms: float


CELLS = [Cell(store, delay_ms) for store in ("embedded", "redis") for delay_ms in (0.0, 40.0, 80.0)]


@given(st.lists(st.builds(Cell, st.text(), st.floats(allow_nan=False)), unique=True), st.integers(1, 6), st.integers())
def test_every_repeat_measures_every_cell_once_with_one_seed(cells, repeats, seed):
    runs = plan_runs(cells, repeats, seed, system_rng(seed))

    assert Counter(runs) == Counter(Run(cell, n, 1000 * seed + n) for n in range(1, repeats + 1) for cell in cells)
    assert [run.repeat for run in runs] == sorted(run.repeat for run in runs)


def test_the_order_of_each_repeat_is_random_and_the_same_for_the_same_seed():
    def order(seed: int) -> list[Run[Cell]]:
        return plan_runs(CELLS, 5, seed, system_rng(seed))

    assert order(1) == order(1)
    assert [run.cell for run in order(1)] != [run.cell for run in order(2)]
    assert len({tuple(run.cell for run in order(1) if run.repeat == n) for n in range(1, 6)}) == 5


def test_over_many_repeats_no_cell_comes_first_more_often_than_chance_makes_it():
    firsts = Counter(run.cell for run in plan_runs(CELLS, 1200, 1, system_rng(1))[:: len(CELLS)])

    assert all(140 < count < 260 for count in firsts.values()) and len(firsts) == len(CELLS)


def test_a_run_is_named_by_its_cell_with_units():
    assert str(Run(Cell("redis", 40.0), 3, 1003)) == "store redis, delay 40 ms, repeat 3"
