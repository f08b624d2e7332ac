"""PNG paints the drawing's marks and leaves no trace in matplotlib; figures are honest about small numbers."""

from __future__ import annotations

import base64
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.observe.sample import post_notification_events
from tests.observe.test_drawing import drawing_of_every_kind
from weaverlab.observe import lineage_drawing, wilson
from weaverlab.observe.drawing import KINDS, Canvas
from weaverlab.pictures import Picture, ViolationPoint, figure_png, figure_svg, to_png, violation_curve
from weaverlab.pictures.png import RENDERERS

PNG = b"\x89PNG\r\n\x1a\n"


def png_size(png: bytes) -> tuple[int, int]:
    assert png.startswith(PNG)
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def pixel_is_red(png: bytes, x: int, y: int) -> bool:
    from io import BytesIO

    from PIL import Image

    red, green, blue = Image.open(BytesIO(png)).convert("RGB").getpixel((x, y))  # type: ignore[misc]
    return bool(red > 200 and green < 60 and blue < 60)


def test_png_knows_every_kind_of_mark_and_has_the_size_of_the_drawing_times_its_scale() -> None:
    assert set(RENDERERS) == set(KINDS)
    assert png_size(to_png(drawing_of_every_kind(), scale=3)) == (300, 180)


@pytest.mark.parametrize("kind", ["rect", "circle", "line", "path"])
def test_a_mark_is_painted_where_the_drawing_says(kind: str) -> None:
    canvas = Canvas()
    if kind == "rect":
        canvas.rect(40, 10, 20, 10, radius=2, fill="#ff0000")
    elif kind == "circle":
        canvas.circle(50, 15, 8, fill="#ff0000")
    elif kind == "line":
        canvas.line(30, 15, 70, 15, stroke="#ff0000", stroke_width=6)
    else:
        canvas.path([("M", 40, 10), ("L", 60, 10), ("L", 60, 20), ("L", 40, 20), ("Z",)], fill="#ff0000")

    png = to_png(canvas.drawing("one mark", 100, 60, ""), scale=2)

    assert pixel_is_red(png, 100, 30)
    assert not pixel_is_red(png, 100, 90)


def test_making_pictures_never_imports_pyplot_and_importing_pictures_never_imports_matplotlib() -> None:
    program = """
import sys
import weaverlab.pictures as pictures
assert "matplotlib" not in sys.modules
from weaverlab.observe.drawing import Canvas
pictures.to_png(Canvas().drawing("empty", 10, 10, ""))
pictures.figure_png(pictures.violation_curve([]))
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_names_that_look_like_formulas_are_shown_as_they_are() -> None:
    assert to_png(drawing_of_every_kind("$\\frac{broken$")).startswith(PNG)


def test_a_picture_shows_itself_as_svg_png_and_text_drawn_anew_each_time() -> None:
    drawn: list[str] = []

    def draw():  # type: ignore[no-untyped-def]
        drawn.append("once")
        return lineage_drawing(post_notification_events(barrier=False))

    picture = Picture(draw)

    bundle = picture._repr_mimebundle_()

    ET.fromstring(bundle["image/svg+xml"])
    assert base64.b64decode(bundle["image/png"]).startswith(PNG)
    assert bundle["text/plain"] == repr(picture)
    assert len(drawn) == 2


def test_a_picture_is_saved_in_the_form_that_the_ending_names(tmp_path: Path) -> None:
    picture = Picture(drawing_of_every_kind)

    picture.save(tmp_path / "a.svg", tmp_path / "a.png", tmp_path / "a.txt")

    assert ET.parse(tmp_path / "a.svg").getroot().get("width") == "100"
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)
    assert (tmp_path / "a.txt").read_text() == "name\n"
    with pytest.raises(ValueError, match=r"expected \.svg, \.png or \.txt"):
        picture.save(tmp_path / "a.gif")


def test_the_violation_curve_has_both_series_with_their_units() -> None:
    points = [ViolationPoint(0, 200, 200), ViolationPoint(60, 98, 200), ViolationPoint(90, 0, 200, barrier=True)]

    figure = violation_curve(points)

    (axes,) = figure.axes
    assert axes.get_xlabel().endswith("(ms)") and axes.get_ylabel().endswith("(%)")
    legend = axes.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == {"fixed delay", "barrier"}
    assert png_size(figure_png(figure)) == (1440, 840)
    ET.fromstring(figure_svg(figure))


def test_a_proportion_of_none_or_all_is_not_a_certainty() -> None:
    assert wilson(0, 100) == (0.0, pytest.approx(0.0370, abs=1e-4))
    assert wilson(100, 100) == (pytest.approx(0.9630, abs=1e-4), 1.0)
    assert wilson(50, 100) == (pytest.approx(0.4038, abs=1e-4), pytest.approx(0.5962, abs=1e-4))
    assert wilson(0, 0) == (0.0, 1.0)
