"""Tidy rows, one fact a column, as CSV and JSON, and back again."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaverlab.errors import ConfigError

Row = Mapping[str, object]

DECIMALS = 6


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write `rows` under the columns of all of them, in the order in which they first appear.

    None becomes an empty field; floats keep six decimals, which is a nanosecond in a time in milliseconds.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_rounded(row) for row in rows)


def append_csv(path: Path, rows: Sequence[Row]) -> None:
    """Add `rows` to a file that has the same columns, or make it; what is there is not read again.

    Raises:
        ValueError: the rows have other columns than the file.
    """
    if not rows:
        return
    columns = list(rows[0])
    with path.open("a+", newline="", encoding="utf-8") as file:
        file.seek(0)
        header = next(csv.reader(file), None)
        if header is not None and header != columns:
            raise ValueError(f"{path}: has the columns {header}, and cannot take rows with {columns}.")
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        if header is None:
            writer.writeheader()
        writer.writerows(_rounded(row) for row in rows)


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file that was written here; numbers, True, False and None are what they were.

    A text that looks like one of these becomes one.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return [{column: _value(text) for column, text in row.items()} for row in csv.DictReader(file)]


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` so that people can read it and a diff shows what changed.

    A reader finds either what was there before or all that is new, also when the writer is killed.
    """
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a file that `write_json` wrote.

    Raises:
        ConfigError: there is no such file, or it holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot read results ({error.strerror}). Give the folder of a run."]) from None
    except ValueError as error:
        raise ConfigError([f"{path}: expected the results of a run as JSON, saw something else ({error})."]) from None
    if not isinstance(content, dict):
        raise ConfigError([f"{path}: expected the results of a run, saw {type(content).__name__}."])
    return content


def _rounded(row: Row) -> dict[str, object]:
    return {column: round(value, DECIMALS) if isinstance(value, float) else value for column, value in row.items()}


def _value(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


_WORDS = {"": None, "True": True, "False": False}
