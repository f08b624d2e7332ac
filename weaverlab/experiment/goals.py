"""What consistency experiments are held against: four goals, each computed from the columns that rows have. Pure.

    violations                        0 with a barrier
    window at p95                     at most the replication lag at p95 + 10 % + 5 ms
    client latency, median            at most 2 % more than without a barrier, compared within each repeat
    lineage                           at most 32 bytes for each dependency

An experiment without these columns has no such goal. "cannot tell" is an answer of its own: the limit lies within
the interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from weaverlab.experiment.comparison import compare
from weaverlab.experiment.results import Results
from weaverlab.experiment.statistics import proportion_text
from weaverlab.experiment.words import phrase

WINDOW_FACTOR, WINDOW_MARGIN_MS = 1.10, 5.0
LATENCY_RATIO_MAX = 1.02
PAIRS_MIN = 5  # the interval of fewer holds the truth too seldom
DEPENDENCY_BYTES_MAX = 32

Met = Literal["yes", "no", "cannot tell"]
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """Whether a goal was met in one cell (or one pair of cells): what was measured, and what it had to be."""

    goal: str
    where: str
    measured: str
    met: Met

    def cells(self) -> tuple[str, str, str, str]:
        """Return this as a line of a table."""
        return self.goal, self.where, self.measured, self.met


def verdicts(results: Results) -> list[Verdict]:
    """Return how each goal was met, in each cell that says something about it."""
    return [*_violations(results), *_windows(results), *_latencies(results), *_lineages(results)]


def _violations(results: Results) -> Iterator[Verdict]:
    for where, rows in _barrier_cells(results, "violations", "outcomes"):
        hits, trials = (sum(row[name] for row in rows) for name in ("violations", "outcomes"))
        yield Verdict("no violation with a barrier", where, proportion_text(hits, trials), "no" if hits else "yes")


def _windows(results: Results) -> Iterator[Verdict]:
    for where, rows in _barrier_cells(results, "window_ms_p95", "lag_ms_p95"):
        if any(row.get("delay_ms") for row in rows):
            continue  # whoever is told late has a window that is longer than the lag
        window_ms, lag_ms = (median(row[name] for row in rows) for name in ("window_ms_p95", "lag_ms_p95"))
        limit_ms = lag_ms * WINDOW_FACTOR + WINDOW_MARGIN_MS
        text = f"{window_ms:.1f} ms, lag {lag_ms:.1f} ms, limit {limit_ms:.1f} ms"
        yield Verdict("window p95 <= lag p95 + 10 % + 5 ms", where, text, "yes" if window_ms <= limit_ms else "no")


def _latencies(results: Results) -> Iterator[Verdict]:
    if "strategy" not in results.factors:
        return
    for found in compare(results, "latency_ms_p50", "strategy", "none", "barrier"):
        met: Met = "cannot tell"
        if found.pairs >= PAIRS_MIN and not found.ratio.low <= LATENCY_RATIO_MAX < found.ratio.high:
            met = "yes" if found.ratio.high <= LATENCY_RATIO_MAX else "no"
        where = _where(results.where(strategy="barrier"), found.cell)
        text = f"{found.ratio.text(3)} times, {found.pairs} pairs"
        yield Verdict("client p50 with a barrier <= 1.02 x without", where, text, met)


def _lineages(results: Results) -> Iterator[Verdict]:
    for where, rows in _barrier_cells(results, "lineage_bytes_max", "dependencies_max"):
        each = max(row["lineage_bytes_max"] / max(row["dependencies_max"], 1) for row in rows)
        text = f"{each:.1f} bytes"
        yield Verdict("lineage <= 32 bytes a dependency", where, text, "yes" if each <= DEPENDENCY_BYTES_MAX else "no")


def _barrier_cells(results: Results, *columns: str) -> Iterator[tuple[str, Rows]]:
    """Yield the cells with a barrier, in words, with their rows that have something in all `columns`."""
    if "strategy" not in results.factors:
        return
    part = results.where(strategy="barrier")
    for cell, rows in part.cells().items():
        complete = [row for row in rows if all(row.get(column) is not None for column in columns)]
        if complete:
            yield _where(part, dict(cell)), complete


def _where(results: Results, cell: Mapping[str, Any]) -> str:
    """Return what tells a cell from the others of `results`."""
    return phrase({name: value for name, value in cell.items() if results.only(name) is None}) or "everywhere"
