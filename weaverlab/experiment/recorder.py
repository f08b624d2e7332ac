"""Writes down what came of each run as soon as it is known, so that nothing is lost whatever happens next."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from weaverlab.experiment.design import Run
from weaverlab.experiment.results import REQUESTS, RESULTS, ROWS
from weaverlab.experiment.rows import Row, append_csv, write_csv, write_json


@dataclass(frozen=True)
class Measured:
    """What a run gave: the columns of its row, and those of each request, without the factors.

    Shares come as two columns, hits and trials; all requests of a sweep have the same columns.
    """

    row: Row
    requests: Iterable[Row] = ()
    said: str = "measured"  # in the line that shows progress


@dataclass
class Recorder:
    """The files of a sweep. What was there before is removed.

    `about` is the manifest; `surroundings` is asked for more of it whenever something is written, since what a
    sweep starts is known only later.
    """

    folder: Path
    about: Mapping[str, Any]
    shown: tuple[str, ...]
    planned: list[Run[Any]]
    surroundings: Callable[[], Mapping[str, Any]] = dict
    rows: list[Row] = field(default_factory=list)
    failures: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        if (self.folder / RESULTS).exists():
            self._remove_pictures()
        for name in (RESULTS, ROWS, REQUESTS):
            (self.folder / name).unlink(missing_ok=True)
        self._write()

    def add(self, run: Run[Any], measured: Measured) -> None:
        """Keep the rows of a run."""
        append_csv(self.folder / REQUESTS, [{**run.factors(), **request} for request in measured.requests])
        self.rows.append({**run.factors(), **measured.row})
        self._write()

    def failed(self, run: Run[Any], error: Exception) -> None:
        """Keep why nothing came of a run."""
        where = "".join(traceback.format_exception(error))
        self.failures.append({**run.factors(), "error": describe(error), "traceback": where})
        self._write()

    def _remove_pictures(self) -> None:
        """Remove the pictures of an earlier sweep: Ctrl-C would leave them beside new rows. Ours come in two forms."""
        for svg in self.folder.glob("*.svg"):
            if (png := svg.with_suffix(".png")).exists():
                svg.unlink()
                png.unlink()

    def _write(self) -> None:
        cells = [asdict(run.cell) for run in self.planned]
        factors = list(cells[0]) if cells else []
        content = {
            "manifest": {**self.about, **self.surroundings()},
            "factors": factors,
            "shown": self.shown,
            "planned": len(self.planned),
            "rows": self.rows,
            "failures": self.failures,
        }
        write_json(self.folder / RESULTS, content)
        write_csv(self.folder / ROWS, self.rows)


def describe(error: BaseException) -> str:
    """Return an error as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
