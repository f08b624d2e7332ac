"""What came of a sweep, read from its folder: `results.json`, `results.csv` and `requests.csv`.

A row is one run of one cell; `requests.csv` has what happened to every request of every run. Who writes them is
`recorder`; what is made of them is in `comparison`, `goals`, `summary` and `plots`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weaverlab.experiment.rows import read_csv, read_json

RESULTS, ROWS, REQUESTS = "results.json", "results.csv", "requests.csv"
Cell = tuple[tuple[str, Any], ...]  # the factors of a cell and their values


@dataclass(frozen=True, repr=False)
class Results:
    """The rows of a sweep, or of a part of it. In a notebook it shows itself as its report.

    manifest: what one must know to repeat the run
    factors:  the columns that make a cell, such as store, strategy and rate
    shown:    the columns that the report shows for each cell
    planned:  how many runs there were to be; fewer rows and failures mean that it was interrupted
    failures: the runs of which nothing came, each with its cell, the error, and where it was raised
    """

    folder: Path
    manifest: Mapping[str, Any]
    factors: tuple[str, ...]
    shown: tuple[str, ...]
    planned: int
    rows: tuple[dict[str, Any], ...]
    failures: tuple[dict[str, Any], ...] = ()

    def where(self, **values: Any) -> Results:
        """Return the part whose rows have these values: `results.where(store="redis", strategy="barrier")`."""

        def is_asked(row: Mapping[str, Any]) -> bool:
            return all(row.get(name) == value for name, value in values.items())

        rows, failures = (tuple(filter(is_asked, part)) for part in (self.rows, self.failures))
        return replace(self, rows=rows, failures=failures, planned=len(rows) + len(failures))

    def cells(self) -> dict[Cell, list[dict[str, Any]]]:
        """Return the rows of each cell, by repeat; cells in the order of their factors."""
        found: dict[Cell, list[dict[str, Any]]] = {}
        for row in sorted(self.rows, key=self._order):
            found.setdefault(cell_of(row, self.factors), []).append(row)
        return found

    def values(self, column: str) -> list[Any]:
        """Return what the rows have in `column`, without gaps."""
        return [row[column] for row in self.rows if row.get(column) is not None]

    def only(self, column: str) -> Any:
        """Return the value of `column` if all rows have the same one; None otherwise."""
        found = set(self.values(column))
        return found.pop() if len(found) == 1 else None

    def requests(self) -> list[dict[str, Any]]:
        """Read what happened to every request of these rows; O(all requests of the sweep)."""
        path = self.folder / REQUESTS
        wanted = {cell_of(row, (*self.factors, "repeat")) for row in self.rows}
        rows = read_csv(path) if path.exists() else []
        return [row for row in rows if cell_of(row, (*self.factors, "repeat")) in wanted]

    def report(self) -> str:
        """Return what a reader wants to know: how it was measured, a table with a line for each cell, and faults."""
        from weaverlab.experiment.summary import report

        return report(self)

    def __repr__(self) -> str:
        return self.report()

    def _repr_html_(self) -> str:
        from weaverlab.experiment.summary import report_html

        return report_html(self)

    def _order(self, row: Mapping[str, Any]) -> list[tuple[bool, Any]]:
        """Sort by the factors as they stand in the rows; texts in the order in which the sweep names them."""
        names = self.manifest.get("levels", {})
        return [_place(row[name], names.get(name, ())) for name in (*self.factors, "repeat")]


def load(path: str | Path) -> Results:
    """Return the results in a folder that a sweep has written, also of one that was interrupted.

    Raises:
        ConfigError: there are none.
    """
    path = Path(path)
    file = path if path.suffix == ".json" else path / RESULTS
    content = read_json(file)
    fields = {name: tuple(content[name]) for name in ("factors", "shown", "rows", "failures")}
    return Results(file.parent, content["manifest"], planned=content["planned"], **fields)


def cell_of(row: Mapping[str, Any], factors: Iterable[str]) -> Cell:
    """Return the values of `factors` in a row, hashable."""
    return tuple((name, row[name]) for name in factors)


def _place(value: Any, levels: Iterable[Any]) -> tuple[bool, Any]:
    levels = list(levels)
    return (False, levels.index(value)) if value in levels else (True, value)
