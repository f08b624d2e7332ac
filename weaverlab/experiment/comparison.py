"""What one value of a factor changes, compared within each repeat: pairs that met the same machine and the same chance.

Pure. A ratio of two medians of unpaired runs would also hold whatever happened to the machine between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weaverlab.clock import system_rng
from weaverlab.experiment.results import Results, cell_of
from weaverlab.experiment.statistics import Interval, bootstrap

SEED = 1  # of the bootstrap, so that a table is the same whenever it is made


@dataclass(frozen=True)
class Comparison:
    """What `column` is with `other` instead of `base`, in cells that are otherwise `cell`.

    `ratio` and `difference` are medians over the pairs with their 95 % bootstrap intervals.
    """

    column: str
    cell: Mapping[str, Any]
    base: Any
    other: Any
    pairs: int
    ratio: Interval
    difference: Interval


def compare(results: Results, column: str, factor: str, base: Any, other: Any) -> list[Comparison]:
    """Compare `other` with `base`, two values of `factor`, for each combination of the other factors that has both.

    A pair without a value, or with 0 below the line, is left out.
    """
    rest = tuple(name for name in results.factors if name != factor)
    others = {cell_of(row, (*rest, "repeat")): row.get(column) for row in results.where(**{factor: other}).rows}
    found = []
    for rows in results.where(**{factor: base}).cells().values():
        values = [(row.get(column), others.get(cell_of(row, (*rest, "repeat")))) for row in rows]
        if pairs := [(before, after) for before, after in values if before and after]:
            found.append(_comparison(column, dict(cell_of(rows[0], rest)), base, other, pairs))
    return found


def _comparison(
    column: str, cell: Mapping[str, Any], base: Any, other: Any, pairs: list[tuple[float, float]]
) -> Comparison:
    ratio = bootstrap([after / before for before, after in pairs], system_rng(SEED))
    difference = bootstrap([after - before for before, after in pairs], system_rng(SEED))
    assert ratio is not None and difference is not None
    return Comparison(column, cell, base, other, len(pairs), ratio, difference)
