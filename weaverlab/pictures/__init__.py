"""Pictures as files' bytes: drawings as PNG, and figures of experiments. matplotlib is imported on first use only."""

from __future__ import annotations

from weaverlab.pictures.curves import ViolationPoint, violation_curve
from weaverlab.pictures.figures import figure_png, figure_svg
from weaverlab.pictures.picture import Picture, still_bundle
from weaverlab.pictures.png import to_png
from weaverlab.pictures.rates import RatePoint, rate_figure
from weaverlab.pictures.windows import window_figure

__all__ = [
    "Picture",
    "RatePoint",
    "ViolationPoint",
    "figure_png",
    "figure_svg",
    "rate_figure",
    "still_bundle",
    "to_png",
    "violation_curve",
    "window_figure",
]
