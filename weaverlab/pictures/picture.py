"""A drawing that can be looked at: in a notebook, as a file, or as text. A still of whatever its source says now."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weaverlab.observe.drawing import Drawing
from weaverlab.observe.svg import to_svg
from weaverlab.pictures.png import to_png

DrawingSource = Callable[[], Drawing]


class Picture:
    """Shows what `source` draws; asks it anew each time it is shown.

    In a notebook it appears as SVG with PNG and text beside it; `%load_ext weaverlab` makes it a live view.
    """

    def __init__(self, source: DrawingSource, is_live: Callable[[], bool] = lambda: False) -> None:
        """`is_live` tells whether `source` may still draw something else than now."""
        self.source = source
        self.is_live = is_live

    @property
    def svg(self) -> str:
        """The picture as a self-contained SVG document."""
        return to_svg(self.source())

    @property
    def png(self) -> bytes:
        """The picture as PNG bytes."""
        return to_png(self.source())

    @property
    def text(self) -> str:
        """The same facts in words."""
        return self.source()["text"]

    def save(self, *paths: str | Path) -> None:
        """Write the picture to each path; the ending chooses the form: .svg, .png or .txt."""
        drawing = self.source()
        writers: dict[str, Callable[[], bytes]] = {
            ".svg": lambda: to_svg(drawing).encode(),
            ".png": lambda: to_png(drawing),
            ".txt": lambda: drawing["text"].encode() + b"\n",
        }
        for path in map(Path, paths):
            if path.suffix not in writers:
                raise ValueError(f"{path}: cannot save a picture as {path.suffix!r}; expected .svg, .png or .txt.")
            path.write_bytes(writers[path.suffix]())

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return still_bundle(self.source())


def still_bundle(drawing: Drawing) -> dict[str, str]:
    """Return `drawing` under the three MIME types that every notebook, converter and hosting site understands."""
    png = base64.b64encode(to_png(drawing)).decode()  # as the notebook format wants binary data
    return {"image/svg+xml": to_svg(drawing), "image/png": png, "text/plain": drawing["text"]}
