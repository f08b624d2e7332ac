"""Which measurements a sweep makes, and in which order. Pure.

A *cell* is one combination of the factors of an experiment, such as a store, a strategy and a rate: a frozen dataclass
of the experiment's own. A *run* is one measurement of a cell; the *repeat* says how often all cells have been measured.

    repeat 1:  barrier  none  sleep  |  repeat 2:  none  barrier  sleep  |  repeat 3: ...

Every repeat measures every cell once, in a new random order: a machine that becomes slower in the meantime does so
for all cells alike, and two cells of one repeat can be compared as a pair (a randomised complete block design).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from weaverlab.clock import Rng
from weaverlab.experiment.words import phrase

C = TypeVar("C")  # a frozen dataclass whose fields are factors


@dataclass(frozen=True)
class Run(Generic[C]):
    """One measurement of `cell`; `repeat` counts from 1. All runs of one repeat have the same `seed`."""

    cell: C
    repeat: int
    seed: int

    def factors(self) -> dict[str, Any]:
        """Return the cell as the first columns of a row."""
        return {**asdict(self.cell), "repeat": self.repeat}  # type: ignore[call-overload]

    def __str__(self) -> str:
        return phrase(self.factors())


def plan_runs(cells: Sequence[C], repeats: int, seed: int, rng: Rng) -> list[Run[C]]:
    """Return all runs in the order in which they are to be made; `rng` decides about that order.

    The seed of a repeat is `seed` and its number, so that the cells of one repeat meet the same chance elsewhere.
    """
    return [
        Run(cell, repeat, 1000 * seed + repeat)
        for repeat in range(1, repeats + 1)
        for cell in sorted(cells, key=lambda _: rng.random())
    ]
