"""Does a cost grow as it should, and is there a cliff? From figures to verdicts. Pure.

    growth        how many times more a point costs than another: of the ratio to the limit where there is one
    expected      (x2 / x1) ** power, and 1 for a ratio, since the limit has grown as well
    cliff         from one point to the next, growth is above 1.5 x expected, and the middle halves do not touch
    as it should  no cliff, and from the first point to the last, growth is at most 2 x expected

The two numbers are `Quantity.step` and `Quantity.whole`; both are far above what varies from run to run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from benchmarks.growth.sweeps import Quantity, Sweep, quantities
from benchmarks.summary import Figure, Key, Spread

Points = dict[int, Figure]


@dataclass(frozen=True)
class Verdict:
    """What became of one cost of one series."""

    sweep: Sweep
    quantity: Quantity
    series: str
    first: int
    last: int
    growth: float
    expected: float
    is_ratio: bool  # to the limit
    cliffs: tuple[str, ...]

    @property
    def is_ok(self) -> bool:
        return not self.cliffs and self.growth <= self.expected * self.quantity.whole

    @property
    def words(self) -> str:
        if self.cliffs:
            return f"**cliff** {', '.join(self.cliffs)}"
        return "as it should" if self.is_ok else "**grows too much**"


def points_of(figures: Mapping[Key, Figure], sweep: Sweep, quantity: Quantity, series: str) -> Points:
    """Return what was measured of one series, by point, in order."""
    found = {point: key_of(sweep, quantity, series, point) for point in sorted({*sweep.points, *sweep.quick})}
    return {point: figures[key] for point, key in found.items() if key in figures}


def key_of(sweep: Sweep, quantity: Quantity, series: str, point: int) -> Key:
    return Key(f"growth.{sweep.name}", sweep.mode, series, quantity.case(point))


def verdicts(figures: Mapping[Key, Figure]) -> list[Verdict]:
    """Return a verdict for each series that was measured at two points or more."""
    measured = (
        (sweep, quantity, series, points_of(figures, sweep, quantity, series))
        for sweep, quantity in quantities()
        for series in quantity.series
    )
    return [judge(*one) for one in measured if len(one[-1]) > 1]


def judge(sweep: Sweep, quantity: Quantity, series: str, points: Points) -> Verdict:
    is_ratio = all(figure.ratio for figure in points.values())
    rule = replace(quantity, power=0.0) if is_ratio else quantity
    costs = {point: _cost(figure, is_ratio) for point, figure in points.items()}
    first, last = min(costs), max(costs)
    return Verdict(
        sweep,
        quantity,
        series,
        first,
        last,
        costs[last].median / costs[first].median,
        expected_growth(first, last, rule.power),
        is_ratio,
        tuple(find_cliffs(costs.items(), rule)),
    )


def find_cliffs(costs: Iterable[tuple[int, Spread]], rule: Quantity) -> Iterable[str]:
    """Yield a line for each step between adjacent points at which the cost grows more than `rule` allows."""
    for (here, before), (there, after) in pairwise(costs):
        expected = expected_growth(here, there, rule.power)
        growth = after.median / before.median
        if growth > expected * rule.step and after.q1 > before.q3 * expected:
            yield f"from {here:,} to {there:,}: x {growth:.2f}"


def expected_growth(first: int, last: int, power: float) -> float:
    """Return how many times more the cost may be at `last` than at `first`; a 0 counts as 1."""
    return float((max(1, last) / max(1, first)) ** power)


def _cost(figure: Figure, is_ratio: bool) -> Spread:
    return figure.ratio if is_ratio and figure.ratio else figure.value
