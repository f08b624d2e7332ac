"""A drawing in a notebook: live where widgets work, a picture everywhere else.

The widget computes nothing: whoever owns it hands it drawings (`weaverlab.observe`), `view.js` paints their marks.
What is drawn, and when anew, is not in here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from weaverlab.observe.drawing import Drawing
from weaverlab.pictures import still_bundle

STATIC_VARIABLE = "WEAVERLAB_STATIC"


def is_static() -> bool:
    """Return whether the environment asks for pictures instead of widgets."""
    return os.environ.get(STATIC_VARIABLE, "") not in ("", "0")


class DrawingView(anywidget.AnyWidget):
    """Show a drawing; assign `view.drawing = another` and every place that shows it follows.

    Its output also holds SVG, PNG and text, so a saved notebook, nbconvert or a code host shows the same facts.
    With `WEAVERLAB_STATIC=1` in the environment these are all it holds.
    """

    _esm = Path(__file__).with_name("view.js")

    drawing: Any = traitlets.Dict().tag(sync=True)
    is_live: Any = traitlets.Bool(True).tag(sync=True)

    def __init__(self, drawing: Drawing) -> None:
        super().__init__(drawing=dict(drawing))

    def show(self, drawing: Drawing) -> None:
        """Replace what is shown; nothing is sent when nothing changed, nor after `freeze`."""
        if self.is_live and drawing != self.drawing:
            self.drawing = dict(drawing)

    def freeze(self) -> None:
        """Keep the last drawing and mark it as a snapshot: what it shows is no longer running. Idempotent."""
        self.is_live = False

    def close(self) -> None:
        """Forget the view here and in the front end; what shows it becomes empty."""
        layout = self.layout
        super().close()
        if layout is not None:  # a second close() finds none
            layout.close()  # every widget has one; ipywidgets itself would keep it for ever

    def __repr__(self) -> str:
        return str(self.drawing["text"])

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        stills = still_bundle(self.drawing)
        if is_static():
            return dict(stills), {}
        widget, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})  # None: a front end without widgets
        return {**widget, **stills}, metadata
