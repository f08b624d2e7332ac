"""Results as a sweep would have made them, for tests of what is made of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from weaverlab.experiment import Results

FACTORS = ("store", "strategy", "rate", "delay_ms")
SHOWN = ("violations/outcomes", "window_ms_p50")


def row(strategy: str = "none", repeat: int = 1, **values: Any) -> dict[str, Any]:
    """Return a row with every column, in which nothing went wrong unless `values` say so."""
    cell = {"store": "embedded", "strategy": strategy, "rate": 40.0, "delay_ms": 0.0, "repeat": repeat}
    measured = {
        **{"requests": 80, "errors": 0, "missing_outcomes": 0, "violations": 0, "outcomes": 80},
        **{"window_ms_p50": 80.0, "window_ms_p95": 99.0, "waited_ms_p50": 60.0, "latency_ms_p50": 4.0},
        **{"lag_ms_p50": 80.0, "lag_ms_p95": 98.0, "lineage_bytes_max": 32, "dependencies_max": 2},
    }
    return {**cell, **measured, **values}


def results(*rows: dict[str, Any], planned: int | None = None, **values: Any) -> Results:
    """Return these rows as the results of a sweep in a folder that does not exist."""
    manifest = {"experiment": "example", "options": {"repeats": 5, "seed": 1}}
    given = {"folder": Path("nowhere"), "manifest": manifest, "factors": FACTORS, "shown": SHOWN, **values}
    return Results(planned=len(rows) if planned is None else planned, rows=rows, **given)
