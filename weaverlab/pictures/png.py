"""A drawing as PNG: the marks that svg.py writes, painted by matplotlib.

The object API alone, never pyplot: a picture made here neither opens a window nor touches the figures, the
backend or the settings of the notebook that asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

from weaverlab.observe.drawing import PAPER, Drawing, Mark

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI = 100.0  # one drawing pixel is 1/100 inch; `scale` multiplies the dots, not the layout
_POINTS_PER_PIXEL = 72 / _DPI
_FONT = "DejaVu Sans"  # comes with matplotlib, so a picture is the same on every machine


def to_png(drawing: Drawing, scale: float = 2.0) -> bytes:
    """Return `drawing` as a PNG of `scale` dots a pixel; hover texts are lost."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = drawing["width"], drawing["height"]
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI * scale, facecolor=PAPER)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    for order, mark in enumerate(drawing["marks"]):
        RENDERERS[mark["kind"]](axes, mark, order)
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _style(mark: Mark, order: int) -> dict[str, Any]:
    width = mark["stroke_width"] * _POINTS_PER_PIXEL
    # matplotlib counts dashes in line widths, SVG in pixels.
    dashes = tuple(length * _POINTS_PER_PIXEL / width for length in mark["dash"]) if width else ()
    return {
        "facecolor": mark["fill"], "edgecolor": mark["stroke"], "linewidth": width if mark["stroke"] != "none" else 0,
        "linestyle": (0, dashes) if dashes else "solid", "alpha": mark["opacity"], "zorder": order, "capstyle": "butt",
        "joinstyle": "round",
    }  # fmt: skip


def _rect(axes: Axes, mark: Mark, order: int) -> None:
    from matplotlib.patches import FancyBboxPatch

    radius = min(mark["radius"], mark["width"] / 2, mark["height"] / 2)
    style = f"round,pad=0,rounding_size={radius}" if radius else "square,pad=0"
    corner = (mark["x"], mark["y"])
    axes.add_patch(FancyBboxPatch(corner, mark["width"], mark["height"], boxstyle=style, **_style(mark, order)))


def _circle(axes: Axes, mark: Mark, order: int) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle((mark["x"], mark["y"]), mark["radius"], **_style(mark, order)))


def _line(axes: Axes, mark: Mark, order: int) -> None:
    _path(axes, mark | {"commands": [["M", mark["x1"], mark["y1"]], ["L", mark["x2"], mark["y2"]]]}, order)


def _path(axes: Axes, mark: Mark, order: int) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    codes = {"M": [Path.MOVETO], "L": [Path.LINETO], "C": [Path.CURVE4] * 3, "Z": [Path.CLOSEPOLY]}
    vertices: list[tuple[float, float]] = []
    for _, *numbers in mark["commands"]:
        vertices += list(zip(numbers[0::2], numbers[1::2], strict=True)) or [(0.0, 0.0)]
    steps = [code for command in mark["commands"] for code in codes[command[0]]]
    axes.add_patch(PathPatch(Path(vertices, steps), **_style(mark, order)))


def _text(axes: Axes, mark: Mark, order: int) -> None:
    axes.text(
        mark["x"], mark["y"], mark["text"], fontsize=mark["size"] * _POINTS_PER_PIXEL, family=_FONT,
        fontweight="bold" if mark["bold"] else "normal", color=mark["fill"], alpha=mark["opacity"], zorder=order,
        ha={"start": "left", "middle": "center", "end": "right"}[mark["anchor"]], va="baseline",
        parse_math=False, usetex=False,
    )  # fmt: skip


RENDERERS: dict[str, Callable[[Axes, Mark, int], None]] = {
    "rect": _rect,
    "circle": _circle,
    "line": _line,
    "path": _path,
    "text": _text,
}
