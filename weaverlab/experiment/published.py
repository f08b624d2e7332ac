"""Figures that others have published, from `experiments/published.toml`, which names their sources."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from weaverlab.experiment.running import folder

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = "published.toml"  # in the folder of experiments
Range = tuple[float, float]


@dataclass(frozen=True)
class Published:
    """One published cell: violations in per cent and the median window in milliseconds, each as (low, high)."""

    experiment: str
    source: str
    store: str
    rate: float
    strategy: str  # "none" or "barrier"
    violations: Range
    window_ms: Range


def published(experiment: str) -> list[Published]:
    """Return what others have published about `experiment`; nothing where the file is not, or says nothing."""
    file = folder() / FILE
    if not file.exists():
        return []
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    figures = [figure for figure in content["figure"] if figure["experiment"] == experiment]
    sides = (("none", "without"), ("barrier", "with"))
    return [_one(figure, content["sources"], strategy, figure[side]) for figure in figures for strategy, side in sides]


def _one(figure: dict[str, Any], sources: dict[str, str], strategy: str, measured: dict[str, Any]) -> Published:
    source, violations, window_ms = sources[figure["source"]], *(measured[key] for key in ("violations", "window_ms"))
    place = (figure["experiment"], source, figure["store"], float(figure["rate"]), strategy)
    return Published(*place, tuple(violations), tuple(window_ms))
