"""The figure "violations and window against rate", with what others have published beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weaverlab.pictures.figures import MARKERS, STRATEGY_COLOURS, STRATEGY_NAMES, frame, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Range = tuple[float, float, float]  # what is drawn, and the ends of its bar


@dataclass(frozen=True)
class RatePoint:
    """One cell at one rate: violations in per cent, and the window in milliseconds, each as (value, low, high).

    `store` says whose it is; what others have published is drawn hollow and dashed.
    """

    rate: float
    strategy: str
    store: str
    violations: Range
    window_ms: Range
    is_published: bool = False


def rate_figure(points: Sequence[RatePoint], title: str = "Does it hold under load?") -> Figure:
    """Return two panels over the rate: violations, and the window's median on a logarithmic scale."""
    figure, [left, right] = new_figure(columns=2)
    markers = dict(zip(dict.fromkeys(point.store for point in points), MARKERS * 9, strict=False))
    series: dict[tuple[str, str, bool], list[RatePoint]] = {}
    for point in sorted(points, key=lambda p: (p.is_published, p.rate)):
        series.setdefault((point.store, point.strategy, point.is_published), []).append(point)
    for (store, strategy, _), found in series.items():
        label = f"{store}, {STRATEGY_NAMES.get(strategy, strategy)}"
        _series(left, found, [p.violations for p in found], markers[store], label)
        _series(right, found, [p.window_ms for p in found], markers[store], label)
    frame(left, title, "requests a second", "reads that missed their post (%)")
    frame(right, "", "requests a second", "window, median (ms)")
    left.set_ylim(-3, 104)
    for axes in (left, right):
        axes.set_xscale("log")
    right.set_yscale("log")
    if series:
        figure.legend(*left.get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside right upper",
                      title="filled: measured here\nhollow: published", title_fontsize=8)  # fmt: skip
    return figure


def _series(axes: Axes, points: Sequence[RatePoint], values: Sequence[Range], marker: str, label: str) -> None:
    is_published, colour = points[0].is_published, STRATEGY_COLOURS.get(points[0].strategy, "black")
    bars = [[value - low for value, low, _ in values], [high - value for value, _, high in values]]
    axes.errorbar([p.rate for p in points], [value for value, _, _ in values], yerr=bars, label=label, color=colour,
                  marker=marker, markersize=6, markerfacecolor="white" if is_published else colour, capsize=3,
                  linestyle="--" if is_published else "-", linewidth=1.0 if is_published else 1.8,
                  alpha=0.6 if is_published else 1.0)  # fmt: skip
