"""A drawing that shows itself: in a notebook, as a file, or as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from weaverlab.observe.drawing import Drawing
from weaverlab.observe.svg import to_svg
from weaverlab.pictures.png import to_png


class Picture:
    """A still picture; each time it is shown or saved it is drawn anew by `draw`.

    As the value of a notebook cell it offers SVG, PNG and text, and the front end takes the best it can show.
    For one that moves while it is looked at, see `weaverlab.notebook`.
    """

    def __init__(self, draw: Callable[[], Drawing]) -> None:
        self._draw = draw

    def drawing(self) -> Drawing:
        """Return the JSON-ready drawing as of now."""
        return self._draw()

    def svg(self) -> str:
        """Return the picture as an SVG document."""
        return to_svg(self._draw())

    def png(self, scale: float = 2.0) -> bytes:
        """Return the picture as a PNG with `scale` dots a pixel."""
        return to_png(self._draw(), scale)

    def save(self, path: str | Path) -> None:
        """Write the picture to `path`, whose ending says how: `.svg`, `.png`, or `.txt` for its words."""
        target = Path(path)
        contents = {
            ".svg": lambda: self.svg().encode(),
            ".png": self.png,
            ".txt": lambda: (str(self) + "\n").encode(),
        }
        if target.suffix not in contents:
            raise ValueError(f"cannot save a picture as {target.name!r}: the name must end in .svg, .png or .txt")
        target.write_bytes(contents[target.suffix]())

    def __str__(self) -> str:
        return self._draw()["text"]

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str | bytes]:
        return still_bundle(self._draw())


def still_bundle(drawing: Drawing) -> dict[str, str | bytes]:
    """Return `drawing` under the three MIME types that every notebook, converter and hosting site understands."""
    return {"image/svg+xml": to_svg(drawing), "image/png": to_png(drawing), "text/plain": drawing["text"]}
