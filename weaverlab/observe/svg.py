"""A drawing as SVG text: one well-formed, self-contained file with a white background, readable on dark pages too."""

from __future__ import annotations

from collections.abc import Callable
from html import escape  # not xml.sax.saxutils, which imports urllib, sockets and all

from weaverlab.observe.drawing import PAPER, Drawing, Mark

# DejaVu Sans is the widest of these, and the one that text_width() knows.
FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


def to_svg(drawing: Drawing) -> str:
    """Return `drawing` as an SVG document; all names in it are escaped, hover texts become `<title>`."""
    width, height = drawing["width"], drawing["height"]
    marks = "\n".join(_element(mark) for mark in drawing["marks"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="{FONTS}" role="img">\n'
        f"<title>{_clean(drawing['title'])}</title>\n"
        f'<rect width="100%" height="100%" fill="{PAPER}"/>\n{marks}\n</svg>\n'
    )


def path_data(commands: list[list[object]]) -> str:
    """Return the `d` attribute of a path."""
    return " ".join(" ".join(str(part) for part in command) for command in commands)


def _element(mark: Mark) -> str:
    tag, attributes, content = RENDERERS[mark["kind"]](mark)
    attributes |= {"fill": mark["fill"], "stroke": mark["stroke"], "stroke-width": mark["stroke_width"]}
    if mark["dash"]:
        attributes["stroke-dasharray"] = " ".join(str(length) for length in mark["dash"])
    if mark["opacity"] != 1:
        attributes["opacity"] = mark["opacity"]
    hover = f"<title>{_clean(mark['hover'])}</title>" if mark["hover"] else ""
    listed = " ".join(f'{name}="{escape(str(value))}"' for name, value in attributes.items())
    return f"<{tag} {listed}>{hover}{content}</{tag}>"


def _rect(mark: Mark) -> tuple[str, dict[str, object], str]:
    return "rect", {**{key: mark[key] for key in ("x", "y", "width", "height")}, "rx": mark["radius"]}, ""


def _circle(mark: Mark) -> tuple[str, dict[str, object], str]:
    return "circle", {"cx": mark["x"], "cy": mark["y"], "r": mark["radius"]}, ""


def _line(mark: Mark) -> tuple[str, dict[str, object], str]:
    return "line", {key: mark[key] for key in ("x1", "y1", "x2", "y2")}, ""


def _path(mark: Mark) -> tuple[str, dict[str, object], str]:
    return "path", {"d": path_data(mark["commands"]), "stroke-linejoin": "round"}, ""


def _text(mark: Mark) -> tuple[str, dict[str, object], str]:
    place: dict[str, object] = {"x": mark["x"], "y": mark["y"], "font-size": mark["size"]}
    weight = "bold" if mark["bold"] else "normal"
    return "text", {**place, "text-anchor": mark["anchor"], "font-weight": weight}, _clean(mark["text"])


RENDERERS: dict[str, Callable[[Mark], tuple[str, dict[str, object], str]]] = {
    "rect": _rect,
    "circle": _circle,
    "line": _line,
    "path": _path,
    "text": _text,
}


def _clean(text: str) -> str:
    """Escape `text`; control characters, which XML cannot hold at all, become a replacement character."""
    return escape("".join(char if char >= " " or char in "\n\t" else "\ufffd" for char in text))
