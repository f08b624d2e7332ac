"""All sweeps as one picture of many small ones: what is varied to the right, its cost upwards. Computes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.growth.sweeps import Quantity, Sweep, quantities, shown
from benchmarks.growth.verdict import points_of
from benchmarks.plot import new_pyplot, save
from benchmarks.summary import Figure, Key, Spread
from weaverlab.observe.units import bytes_text

COLUMNS = 4
COLOURS = ("#1f6f8b", "#e07a1f", "#3a7d44", "#b23a48")
GREY = "#888888"
TICKS_MAX = 5  # more labels would touch each other


def draw(figures: Mapping[Key, Figure], path: Path) -> None:
    """Draw a panel for each way in which a cost is shown: medians with quartiles, and the limit in grey."""
    plot = new_pyplot()
    panels = [
        (sweep, quantity, drawn)
        for sweep, quantity in quantities()
        if any(points_of(figures, sweep, quantity, series) for series in quantity.series)
        for drawn in quantity.drawn
    ]
    rows = max(1, math.ceil(len(panels) / COLUMNS))
    whole, axes = plot.subplots(rows, COLUMNS, figsize=(4 * COLUMNS, 3 * rows), squeeze=False, layout="constrained")
    for axis, panel in zip(axes.flat, panels, strict=False):
        _draw_panel(axis, figures, *panel)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    save(plot, whole, path)


def _draw_panel(axis: Any, figures: Mapping[Key, Figure], sweep: Sweep, quantity: Quantity, drawn: str) -> None:
    limits: dict[int, float] = {}
    for series, colour in zip(quantity.series, COLOURS, strict=False):
        points = points_of(figures, sweep, quantity, series)
        spreads = {point: _shown(drawn, point, figure.value) for point, figure in points.items()}
        below = [spread.median - spread.q1 for spread in spreads.values()]
        above = [spread.q3 - spread.median for spread in spreads.values()]
        medians = [spread.median for spread in spreads.values()]
        style = {"fmt": "o-", "markersize": 3, "linewidth": 1, "color": colour, "label": series}
        axis.errorbar(list(spreads), medians, yerr=(below, above), **style)
        limits |= {
            point: shown(drawn, point, figure.value.median / figure.ratio.median)
            for point, figure in points.items()
            if figure.ratio
        }
    if limits:
        axis.plot(list(limits), list(limits.values()), "--", linewidth=1, color=GREY, label="raw limit")
    unit = quantity.unit if drawn == "value" else drawn
    axis.set_title(quantity.title, fontsize=9)
    axis.set_xlabel(sweep.label)
    axis.set_ylabel(unit)
    _scale(axis, sweep, quantity.is_log or drawn != "value")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7)


def _scale(axis: Any, sweep: Sweep, is_log: bool) -> None:
    if sweep.is_log:
        axis.set_xscale("symlog" if 0 in sweep.points else "log", base=2)
        axis.set_xticks(sweep.points[:: math.ceil(len(sweep.points) / TICKS_MAX)], minor=False)
    is_bytes = sweep.label.startswith("bytes")
    axis.xaxis.set_major_formatter(lambda value, position: bytes_text(value) if is_bytes else f"{value:,.0f}")
    axis.xaxis.set_minor_formatter(lambda value, position: "")
    if is_log:
        axis.set_yscale("log")
    else:
        axis.set_ylim(0, 1.15 * axis.get_ylim()[1])
    axis.yaxis.set_major_formatter(lambda value, position: f"{value:,.10g}")
    axis.yaxis.set_minor_formatter(lambda value, position: "")


def _shown(drawn: str, point: int, cost: Spread) -> Spread:
    median, *ends = (shown(drawn, point, part) for part in cost)
    return Spread(median, min(ends), max(ends))
