"""Columns and cells as people read them: `window_ms_p50` is "window p50 (ms)". Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNITS = ("ms", "s", "bytes")


def heading(column: str) -> str:
    """Return the name of a column, with its unit in brackets."""
    name, unit = _parted(column)
    return f"{name} ({unit})" if unit else name


def phrase(values: Mapping[str, Any]) -> str:
    """Return columns with their values, each followed by its unit."""
    return ", ".join(_one(column, value) for column, value in values.items())


def shown(value: Any) -> Any:
    """Return a factor's value as it should be shown: 40.0 as 40."""
    return f"{value:g}" if isinstance(value, float) else value


def _one(column: str, value: Any) -> str:
    name, unit = _parted(column)
    return f"{name} {shown(value)} {unit}".rstrip()


def _parted(column: str) -> tuple[str, str]:
    words = column.split("_")
    unit = next((word for word in words if word in UNITS), "")
    return " ".join(word for word in words if word != unit), unit
