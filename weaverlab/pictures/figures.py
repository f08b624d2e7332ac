"""What the figures of experiments have in common: paper, axes, colours, and their bytes as PNG or SVG.

Made with matplotlib's object API: no pyplot, no window, no global setting touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from weaverlab.observe.drawing import BLUE, GRID, INK, MUTED, RED, REGION_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRATEGY_COLOURS = {"none": RED, "sleep": REGION_COLOURS[1][1], "barrier": BLUE}
STRATEGY_NAMES = {"none": "no barrier", "sleep": "fixed sleep", "barrier": "barrier"}
_OTHER_COLOURS = [REGION_COLOURS[n][1] for n in (2, 0, 3)]  # for strategies of an experiment's own
MARKERS = "osD^vP*X"  # one for each store
_DPI = 200


def new_figure(columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty figure with so many pairs of axes side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2 if columns == 1 else 5.4 * columns, 4.2), layout="constrained")
    return figure, [figure.add_subplot(1, columns, number + 1) for number in range(columns)]


def strategy_colours(strategies: Iterable[str]) -> dict[str, str]:
    """Return a colour for each strategy: the usual ones always have the same."""
    others = [strategy for strategy in dict.fromkeys(strategies) if strategy not in STRATEGY_COLOURS]
    return STRATEGY_COLOURS | dict(zip(others, _OTHER_COLOURS * len(others), strict=False))


def frame(axes: Axes, title: str, x: str, y: str) -> None:
    """Give axes their title and labels, and take away what nobody reads."""
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", color=INK, pad=12)
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.tick_params(colors=MUTED)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(MUTED)


def figure_png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    return _saved(figure, "png")


def figure_svg(figure: Figure) -> str:
    """Return a figure as SVG text; text in it becomes outlines, so that it looks the same everywhere."""
    return _saved(figure, "svg").decode()


def _saved(figure: Figure, format_name: str) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format=format_name, dpi=_DPI, facecolor="white")
    return buffer.getvalue()
