"""Rounds as a run would bring them, with numbers chosen so that a reader can follow them."""

from __future__ import annotations

from typing import Any


def round_of(*rows: dict[str, Any], suite: str = "calls", mode: str = "pinned", number: int = 1) -> dict[str, Any]:
    return {"suite": suite, "group": "WeaverLab", "mode": mode, "number": number, "elapsed_s": 1.0, "rows": list(rows)}


def row(system: str, case: str, value: float, base: float | None = None, **more: Any) -> dict[str, Any]:
    return {"system": system, "case": case, "unit": "µs", "value": value, "base": base, **more}
