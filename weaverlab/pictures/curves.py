"""Figures of experiments, made with matplotlib's object API: no pyplot, no window, no global setting touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from weaverlab.observe.drawing import BLUE, GRID, INK, MUTED, RED
from weaverlab.observe.proportion import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 200


@dataclass(frozen=True)
class ViolationPoint:
    """One run: `violations` of `requests` reads came too early although each waited `delay_ms` first.

    With `barrier` the wait was a barrier's, and `delay_ms` is how long it turned out to be (its median, say).
    """

    delay_ms: float
    violations: int
    requests: int
    barrier: bool = False


def violation_curve(points: Sequence[ViolationPoint], title: str = "How long must a reader wait?") -> Figure:
    """Return the figure "violations against delay": fixed delays as a curve, barriers as points of their own.

    Bars are 95 % Wilson intervals. Show it with `figure_svg` or `figure_png`, or as a notebook cell's value.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot()
    fixed = sorted((p for p in points if not p.barrier), key=lambda p: p.delay_ms)
    barriers = [p for p in points if p.barrier]
    _series(axes, fixed, "fixed delay", RED, "o", line="-")
    _series(axes, barriers, "barrier", BLUE, "D", line="none")
    for point in barriers:
        note = f"barrier: {point.violations} of {point.requests}\nwaits {point.delay_ms:.0f} ms"
        # Below and to the left of a falling curve there is room.
        axes.annotate(note, (point.delay_ms, 100 * point.violations / max(point.requests, 1)), (-95, 34), color=BLUE,
                      textcoords="offset points", ha="center", fontsize=9,
                      arrowprops={"arrowstyle": "-", "color": BLUE, "shrinkB": 6})  # fmt: skip
    _frame(axes, title)
    return figure


def figure_png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    return _saved(figure, "png")


def figure_svg(figure: Figure) -> str:
    """Return a figure as SVG text; text in it becomes outlines, so that it looks the same everywhere."""
    return _saved(figure, "svg").decode()


def _series(axes: Axes, points: Sequence[ViolationPoint], label: str, colour: str, marker: str, line: str) -> None:
    if not points:
        return
    delays = [point.delay_ms for point in points]
    shares = [100 * point.violations / max(point.requests, 1) for point in points]
    bounds = [wilson(point.violations, point.requests) for point in points]
    below = [max(share - 100 * low, 0.0) for share, (low, _) in zip(shares, bounds, strict=True)]
    above = [max(100 * high - share, 0.0) for share, (_, high) in zip(shares, bounds, strict=True)]
    axes.errorbar(delays, shares, yerr=[below, above], label=label, color=colour, marker=marker, linestyle=line,
                  markersize=6, linewidth=1.8, elinewidth=1.2, capsize=3, clip_on=False, zorder=3)  # fmt: skip


def _frame(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=12)
    axes.set_xlabel("artificial delay before the read, or the barrier's wait (ms)", color=INK)
    axes.set_ylabel("reads that missed their post (%)", color=INK)
    axes.set_ylim(0, 104)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.tick_params(colors=MUTED)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, title="bars: 95 % interval", title_fontsize=8, fontsize=9, loc="upper right")


def _saved(figure: Figure, format_name: str) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format=format_name, dpi=_DPI, facecolor="white")
    return buffer.getvalue()
