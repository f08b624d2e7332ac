"""Raw numbers of many rounds -> one figure for each system and case: median and quartiles. Pure.

A round's row has its value and its base, the limit in the same round; a ratio is theirs, and the figure's ratio is the
median of the rounds' ratios. So what makes one round slow, makes its limit slow as well, and does not count.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.goals import Goal
from benchmarks.values import MIB


class Spread(NamedTuple):
    """Median and quartiles of a figure's rounds."""

    median: float
    q1: float
    q3: float


class Key(NamedTuple):
    """What a figure is of. `mode` is "pinned" or "free"."""

    suite: str
    mode: str
    system: str
    case: str

    def __str__(self) -> str:
        return " / ".join(part for part in self if part)


@dataclass(frozen=True)
class Figure:
    key: Key
    unit: str
    value: Spread
    ratio: Spread | None  # to the limit; None where there is none
    cpu_us: Spread | None  # of both processes, for one call
    cpu_ratio: Spread | None  # to what the limit took of the CPU
    rounds: int


def spread(values: Iterable[float]) -> Spread:
    """Return median and quartiles; of a single value, that value three times."""
    found = list(values)
    if len(found) == 1:
        return Spread(found[0], found[0], found[0])
    q1, median, q3 = statistics.quantiles(found, n=4, method="inclusive")
    return Spread(median, q1, q3)


def summarise(rounds: Iterable[Mapping[str, Any]]) -> dict[Key, Figure]:
    """Return the figures of all rounds, in the order in which they first appear; failed rounds have none."""
    rows: dict[Key, list[Mapping[str, Any]]] = {}
    for one in rounds:
        for row in one.get("rows", ()):
            rows.setdefault(Key(one["suite"], one["mode"], row["system"], row["case"]), []).append(row)
    return {key: _figure(key, found) for key, found in rows.items()}


def _figure(key: Key, rows: list[Mapping[str, Any]]) -> Figure:
    return Figure(
        key,
        unit=rows[0]["unit"],
        value=spread(row["value"] for row in rows),
        ratio=_spread_or_none(row["value"] / row["base"] for row in rows if row.get("base")),
        cpu_us=_spread_or_none(row["cpu_us"] for row in rows if "cpu_us" in row),
        cpu_ratio=_spread_or_none(row["cpu_us"] / row["base_cpu_us"] for row in rows if row.get("base_cpu_us")),
        rounds=len(rows),
    )


def _spread_or_none(values: Iterable[float]) -> Spread | None:
    found = list(values)
    return spread(found) if found else None


def reached(goal: Goal, mode: str, figures: Mapping[Key, Figure]) -> Spread | None:
    """Return the figure that the goal speaks of, in the goal's quantity; None where it was not measured."""
    figure = figures.get(Key(goal.suite, mode, goal.system, goal.case))
    if figure is None:
        return None
    if goal.quantity == "value":
        return figure.value
    if goal.quantity == "calls/s":
        return _inverse(figure.value, 1e6)
    if goal.quantity == "GB/s":
        return _inverse(figure.value, int(goal.case.split()[0]) * MIB / 1e3)
    if figure.ratio is None:
        return None
    if goal.quantity == "ratio":
        return figure.ratio
    if goal.quantity == "speed":
        return _inverse(figure.ratio, 1.0)
    other = figures.get(Key(goal.suite, mode, goal.other, goal.case))
    return _inverse(figure.ratio, other.ratio.median) if other and other.ratio else None


def _inverse(one: Spread, numerator: float) -> Spread:
    return Spread(numerator / one.median, numerator / one.q3, numerator / one.q1)


def is_met(goal: Goal, found: Spread) -> bool:
    """Tell whether the median reaches the goal."""
    return found.median <= goal.limit if goal.relation == "<=" else found.median >= goal.limit
