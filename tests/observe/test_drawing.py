"""Drawings and their SVG: complete marks, well-formed documents, no name that can break out of one."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import pytest

from weaverlab.observe.drawing import KINDS, Box, Canvas, Drawing, extent, overlap, text_width
from weaverlab.observe.labels import Labels
from weaverlab.observe.svg import RENDERERS, to_svg
from weaverlab.observe.timescale import TimeScale

SVG = "{http://www.w3.org/2000/svg}"


def drawing_of_every_kind(name: str = "name") -> Drawing:
    canvas = Canvas()
    canvas.rect(1, 2, 30, 20, radius=3, fill="#eeeeee", stroke="#111111", hover=name)
    canvas.circle(20, 20, 5, fill="#ff0000")
    canvas.line(0, 0, 40, 40, stroke="#000000", dash=[2, 3])
    canvas.path([("M", 1, 1), ("C", 2, 2, 3, 3, 4, 4), ("L", 9, 9), ("Z",)], stroke="#00ff00", opacity=0.5)
    canvas.text(5, 30, name, bold=True, anchor="middle")
    canvas.arrow((0, 0), (30, 30), "#0000ff")
    return canvas.drawing(name, 100, 60, name)


def test_a_drawing_is_json_ready_and_each_mark_has_every_key_of_its_kind() -> None:
    drawing = drawing_of_every_kind()

    assert json.loads(json.dumps(drawing)) == drawing
    assert {mark["kind"] for mark in drawing["marks"]} == set(KINDS)
    for mark in drawing["marks"]:
        common = {"kind", "fill", "stroke", "stroke_width", "dash", "opacity", "hover"}
        assert set(mark) == {*common, *KINDS[mark["kind"]]}


def test_svg_renders_every_kind_of_mark() -> None:
    root = ET.fromstring(to_svg(drawing_of_every_kind()))

    assert set(RENDERERS) == set(KINDS)
    assert {child.tag.removeprefix(SVG) for child in root} == {"title", *KINDS}
    assert (root.get("width"), root.get("height")) == ("100", "60")


@pytest.mark.parametrize("name", ["<script>alert('x')</script>", 'a "quoted" & <b>', "]]>", "ünï→çødé", "nul\0bell\a"])
def test_svg_stays_well_formed_whatever_the_names(name: str) -> None:
    root = ET.fromstring(to_svg(drawing_of_every_kind(name)))

    shown = root.find(f"{SVG}text")
    assert shown is not None
    assert shown.text == name.replace("\0", "\ufffd").replace("\a", "\ufffd")
    assert root.find(f".//{SVG}script") is None


def test_a_style_cannot_break_out_of_its_attribute() -> None:
    canvas = Canvas()
    canvas.rect(0, 0, 1, 1, fill='"/><script/>')

    assert ET.fromstring(to_svg(canvas.drawing("", 1, 1, "")))[2].get("fill") == '"/><script/>'


def test_svg_has_a_white_background_so_that_it_can_be_read_on_a_dark_page() -> None:
    background = ET.fromstring(to_svg(drawing_of_every_kind()))[1]

    assert (background.get("width"), background.get("height"), background.get("fill")) == ("100%", "100%", "#ffffff")


def test_the_extent_of_a_mark_covers_it() -> None:
    canvas = Canvas()
    canvas.text(100, 50, "wide", size=10, anchor="end")
    canvas.path([("M", 3, 9), ("L", 7, 1)])

    left, top, right, bottom = extent(canvas.marks[0])
    assert (right, left) == (100, 100 - text_width("wide", 10))
    assert top < 50 < bottom
    assert extent(canvas.marks[1]) == (3, 1, 7, 9)


def test_labels_are_never_put_over_each_other_or_over_a_reserved_sign() -> None:
    labels = Labels(0, 400)
    labels.reserve(100, 100, 10, 10)

    for x in range(60, 140, 5):
        labels.beside("label", x, 100, "#000000")

    plates = [Box(p.x - w / 2, p.y - 7.5, w, 15) for p in labels.placed for w in [text_width(p.text, p.size) + 6]]
    assert 4 <= len(plates) < 16
    assert not any(overlap(a, b) for a, b in combinations(plates, 2))
    assert not any(overlap(plate, Box(90, 90, 20, 20)) for plate in plates)


def test_the_time_scale_is_monotone_and_tells_close_moments_apart() -> None:
    moments_s = [0.0, 0.0002, 0.0004, 0.1, 0.1003]
    scale = TimeScale(moments_s, left=50, width=600)

    xs = [scale.x(moment_s) for moment_s in moments_s]

    assert (xs[0], xs[-1]) == (50, pytest.approx(650))
    assert all(later - earlier >= 10 for earlier, later in pairwise(xs))
    assert xs[3] - xs[2] > 10 * (xs[2] - xs[1])


def test_ticks_show_true_times_and_keep_their_distance() -> None:
    scale = TimeScale([0.0, 0.001, 0.002, 0.1], left=0, width=600)

    ticks = scale.ticks()

    assert ticks[0] == (0, "0")
    assert (scale.x(0.05), "50") in ticks
    assert all(b - a >= 34 for (a, _), (b, _) in pairwise(ticks))


def test_one_moment_alone_has_a_scale_too() -> None:
    scale = TimeScale([3.0], left=10, width=100)

    assert scale.x(3.0) == scale.x(99.0) == 10
    assert scale.ticks() == [(10, "0")]
