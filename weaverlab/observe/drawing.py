"""Drawings as JSON-ready dicts: a title, a size, a text twin, and marks of five kinds. Nothing is rendered here.

    {"title": ..., "width": 900, "height": 400, "text": ..., "marks": [{"kind": "rect", "x": ..., ...}, ...]}

Rules that keep the renderers (svg.py, pictures/png.py, notebook/view.js) alike:
1. Coordinates are pixels, y grows downwards, a text's y is its baseline.
2. A mark carries every key of its kind, so that no renderer has defaults of its own.
3. Arrow heads, ticks and hatching are paths like any other: a renderer knows the five kinds and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypedDict

# Every kind and its keys. All kinds also have fill, stroke, stroke_width, dash, opacity and hover.
KINDS: dict[str, tuple[str, ...]] = {
    "rect": ("x", "y", "width", "height", "radius"),
    "circle": ("x", "y", "radius"),
    "line": ("x1", "y1", "x2", "y2"),
    "path": ("commands",),
    "text": ("x", "y", "text", "size", "anchor", "bold"),
}

PAPER, INK, MUTED, GRID = "#ffffff", "#1f2933", "#66717e", "#dfe3e8"
RED, GREEN, BLUE = "#cf222e", "#1a7f37", "#0b63ce"

# For regions: a light tint for areas and a strong one for outlines, told apart by colour-blind readers too.
REGION_COLOURS = (
    ("#e8f4f3", "#1b7a72"),
    ("#fdf2e0", "#a8620c"),
    ("#f1ecfa", "#6a49ad"),
    ("#fbecf3", "#a63a6c"),
)
NO_REGION_COLOUR = ("#f3f5f7", "#55606d")

# Advance widths of DejaVu Sans, the widest of the fonts that may be used, in units of the font size.
_NARROW = {c: 0.29 for c in "ijlI'|"} | {c: 0.33 for c in " .,:;/\\"} | {c: 0.40 for c in 'ftr()[]-{}"*'}
_WIDE = {c: 0.98 for c in "mW@%M"} | {c: 0.83 for c in "w→←±…~<>=+&"} | {c: 0.74 for c in "ABCDGHKNOQRUVX"}
_WIDTHS = _NARROW | _WIDE

_LINE_HEIGHT = 1.2  # of a label, in units of the font size

Mark = dict[str, Any]
Point = tuple[float, float]
Command = Sequence[Any]  # ("M", x, y), ("L", x, y), ("C", x1, y1, x2, y2, x, y) or ("Z",)


class Box(NamedTuple):
    """A rectangle by its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float


class Drawing(TypedDict):
    """A finished drawing; `text` says the same in words, for screens without pictures."""

    title: str
    width: float
    height: float
    text: str
    marks: list[Mark]


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return about how wide `text` will be, rather too much than too little."""
    return sum(_WIDTHS.get(char, 0.64) for char in text) * size * (1.1 if bold else 1.0)


def overlap(a: Box, b: Box) -> bool:
    """Return whether two boxes share a point inside both."""
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


def label_size(text: str, size: float) -> tuple[float, float]:
    """Return the width and height of the plate that `Canvas.label` puts under `text`."""
    lines = text.splitlines()
    return max(text_width(line, size) for line in lines) + 6, size * (0.3 + _LINE_HEIGHT * len(lines))


class Canvas:
    """Collects marks in painting order; `drawing()` ends it."""

    def __init__(self) -> None:
        self.marks: list[Mark] = []

    def rect(self, x: float, y: float, width: float, height: float, *, radius: float = 0, **style: Any) -> None:
        """Add a rectangle with its upper left corner at (x, y). For `style` see `_add`."""
        self._add("rect", style, x=x, y=y, width=width, height=height, radius=radius)

    def circle(self, x: float, y: float, radius: float, **style: Any) -> None:
        """Add a circle around (x, y)."""
        self._add("circle", style, x=x, y=y, radius=radius)

    def line(self, x1: float, y1: float, x2: float, y2: float, **style: Any) -> None:
        """Add a straight line."""
        self._add("line", style, x1=x1, y1=y1, x2=x2, y2=y2)

    def path(self, commands: Sequence[Command], **style: Any) -> None:
        """Add a path of absolute move, line, cubic and close commands."""
        self._add("path", style, commands=[[_rounded(part) for part in command] for command in commands])

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = 12,
        anchor: str = "start",
        bold: bool = False,
        **style: Any,
    ) -> None:
        """Add one line of text whose baseline starts, has its middle, or ends (`anchor`) at (x, y)."""
        self._add("text", {"fill": INK, **style}, x=x, y=y, text=text, size=size, anchor=anchor, bold=bold)

    def arrow_head(self, tip: Point, angle: float, colour: str, size: float = 7) -> None:
        """Add a filled triangle at `tip` that points in direction `angle` (radians, 0 is right, growing downwards)."""
        left, right = (
            (tip[0] - size * math.cos(angle + turn), tip[1] - size * math.sin(angle + turn)) for turn in (-0.42, 0.42)
        )
        self.path([("M", *tip), ("L", *left), ("L", *right), ("Z",)], fill=colour)

    def arrow(self, start: Point, end: Point, colour: str, *, head: float = 7, **style: Any) -> None:
        """Add a straight arrow; its shaft ends inside the head, so that a thick line does not blunt the tip."""
        angle = math.atan2(end[1] - start[1], end[0] - start[0])
        length = math.dist(start, end)
        inset = min(head * 0.8, length)
        self.line(
            *start, end[0] - inset * math.cos(angle), end[1] - inset * math.sin(angle), **{"stroke": colour, **style}
        )
        self.arrow_head(end, angle, colour, size=min(head, max(length, 1)))

    def cross(self, x: float, y: float, size: float, colour: str, **style: Any) -> None:
        """Add a cross with arms of `size`: something was not there."""
        arms = [
            ("M", x - size, y - size),
            ("L", x + size, y + size),
            ("M", x - size, y + size),
            ("L", x + size, y - size),
        ]
        self.path(arms, stroke=colour, **{"stroke_width": 3, **style})

    def tick(self, x: float, y: float, size: float, colour: str, **style: Any) -> None:
        """Add a check mark: something was there."""
        strokes = [("M", x - size, y), ("L", x - size * 0.25, y + size * 0.75), ("L", x + size, y - size * 0.8)]
        self.path(strokes, stroke=colour, **{"stroke_width": 2.5, **style})

    def label(self, x: float, y: float, text: str, *, size: float = 11, fill: str = INK, hover: str = "") -> None:
        """Add lines of text centred around (x, y) on a plate of paper, so that they can be read across arrows."""
        width, height = label_size(text, size)
        self.rect(x - width / 2, y - height / 2, width, height, radius=3, fill=PAPER, opacity=0.94, hover=hover)
        for i, line in enumerate(text.splitlines()):
            baseline = y - height / 2 + size * 1.05 + i * size * _LINE_HEIGHT
            self.text(x, baseline, line, size=size, anchor="middle", fill=fill, hover=hover)

    def drawing(self, title: str, width: float, height: float, text: str) -> Drawing:
        """Return the finished drawing."""
        return Drawing(title=title, width=math.ceil(width), height=math.ceil(height), text=text, marks=self.marks)

    def _add(self, kind: str, style: dict[str, Any], **geometry: Any) -> None:
        mark = {
            "kind": kind, "fill": "none", "stroke": "none", "stroke_width": 1, "dash": [], "opacity": 1, "hover": "",
            **style, **{key: _rounded(value) for key, value in geometry.items()},
        }  # fmt: skip
        self.marks.append(mark)


def extent(mark: Mark) -> tuple[float, float, float, float]:
    """Return the (left, top, right, bottom) that `mark` covers; widths of text are estimates, curves their hull."""
    kind = mark["kind"]
    if kind == "rect":
        return mark["x"], mark["y"], mark["x"] + mark["width"], mark["y"] + mark["height"]
    if kind == "circle":
        x, y, radius = mark["x"], mark["y"], mark["radius"]
        return x - radius, y - radius, x + radius, y + radius
    if kind == "text":
        width = text_width(mark["text"], mark["size"], mark["bold"])
        left = mark["x"] - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[mark["anchor"]]
        return left, mark["y"] - mark["size"] * 0.8, left + width, mark["y"] + mark["size"] * 0.25
    numbers = (
        [mark["x1"], mark["y1"], mark["x2"], mark["y2"]]
        if kind == "line"
        else [part for command in mark["commands"] for part in command[1:]]
    )
    return min(numbers[0::2]), min(numbers[1::2]), max(numbers[0::2]), max(numbers[1::2])


def _rounded(value: Any) -> Any:
    """Keep two decimals: a drawing is sent to a browser, and equal input must give equal bytes."""
    return round(value, 2) if isinstance(value, float) else value
