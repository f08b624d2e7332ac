"""Pictures as files' bytes: drawings as PNG, and figures of experiments. matplotlib is imported on first use only."""

from __future__ import annotations

from weaverlab.pictures.curves import ViolationPoint, figure_png, figure_svg, violation_curve
from weaverlab.pictures.picture import Picture, still_bundle
from weaverlab.pictures.png import to_png

__all__ = ["Picture", "ViolationPoint", "figure_png", "figure_svg", "still_bundle", "to_png", "violation_curve"]
