"""Tidy rows, one fact a column, as CSV and JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DECIMALS = 6


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write `rows` under the columns of all of them, in the order in which they first appear.

    None becomes an empty field; floats keep six decimals, which is a nanosecond in a time in milliseconds.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({column: _rounded(value) for column, value in row.items()} for row in rows)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` so that people can read it and a diff shows what changed."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(value: object) -> object:
    return round(value, DECIMALS) if isinstance(value, float) else value
