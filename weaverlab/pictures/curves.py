"""The figure "violations against delay": how long is long enough?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weaverlab.observe.drawing import BLUE, RED, REGION_COLOURS
from weaverlab.observe.proportion import wilson
from weaverlab.pictures.figures import frame, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = (RED, *(strong for _, strong in REGION_COLOURS))


@dataclass(frozen=True)
class ViolationPoint:
    """One cell: `violations` of `requests` reads came too early although `delay_ms` had passed first.

    With `barrier` the wait was a barrier's, and `delay_ms` is how long it turned out to be (its median, say).
    Points with the same `label` are joined.
    """

    delay_ms: float
    violations: int
    requests: int
    barrier: bool = False
    label: str = "fixed delay"


def violation_curve(points: Sequence[ViolationPoint], title: str = "How long must a reader wait?") -> Figure:
    """Return the figure: a curve of fixed delays for each label, barriers as points of their own.

    Bars are 95 % Wilson intervals. Show it with `figure_svg` or `figure_png`, or as a notebook cell's value.
    """
    figure, [axes] = new_figure()
    fixed: dict[str, list[ViolationPoint]] = {}
    for point in sorted((p for p in points if not p.barrier), key=lambda p: p.delay_ms):
        fixed.setdefault(point.label, []).append(point)
    for number, (label, series) in enumerate(fixed.items()):
        _series(axes, series, label, _COLOURS[number % len(_COLOURS)], "o", line="-")
    barriers = [p for p in points if p.barrier]
    _series(axes, barriers, "barrier", BLUE, "D", line="none")
    for point in barriers:
        note = f"barrier: {point.violations} of {point.requests}\nwaits {point.delay_ms:.0f} ms"
        # Below and to the left of a falling curve there is room.
        axes.annotate(note, (point.delay_ms, 100 * point.violations / max(point.requests, 1)), (-95, 34), color=BLUE,
                      textcoords="offset points", ha="center", fontsize=9,
                      arrowprops={"arrowstyle": "-", "color": BLUE, "shrinkB": 6})  # fmt: skip
    frame(axes, title, "artificial delay, or the barrier's wait (ms)", "reads that missed their post (%)")
    axes.set_ylim(0, 104)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, title="bars: 95 % interval", title_fontsize=8, fontsize=9, loc="upper right")
    return figure


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
