"""Pictures as files' bytes: drawings as PNG, and figures of experiments. matplotlib is imported on first use only."""

from __future__ import annotations

from weaverlab.pictures.curves import ViolationPoint, figure_png, figure_svg, violation_curve
from weaverlab.pictures.png import to_png

__all__ = ["ViolationPoint", "figure_png", "figure_svg", "to_png", "violation_curve"]
