"""The widget: it carries a drawing, says it in stills too, and its script knows every kind of mark."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

import weaverlab.notebook.view as view_module
from tests.observe.sample import post_notification_events, post_notification_snapshot
from weaverlab.notebook.view import STATIC_VARIABLE, DrawingView
from weaverlab.observe import callgraph_drawing, lineage_drawing
from weaverlab.observe.drawing import KINDS

WIDGET = "application/vnd.jupyter.widget-view+json"
SCRIPT = Path(view_module.__file__).with_name("view.js").read_text()


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> Iterator[DrawingView]:
    monkeypatch.delenv(STATIC_VARIABLE, raising=False)
    view = DrawingView(callgraph_drawing(post_notification_snapshot()))
    yield view
    view.close()


def test_the_view_offers_a_widget_and_the_same_facts_as_svg_png_and_text(view: DrawingView) -> None:
    bundle, _ = view._repr_mimebundle_()

    assert bundle[WIDGET]["model_id"] == view.model_id
    ET.fromstring(bundle["image/svg+xml"])
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"].startswith("App  [1 replica]")


def test_with_static_set_the_view_offers_stills_only(view: DrawingView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATIC_VARIABLE, "1")

    bundle, _ = view._repr_mimebundle_()

    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"}


def test_a_new_drawing_is_sent_once_and_an_equal_one_not_at_all(view: DrawingView) -> None:
    sent: list[str] = []
    view.observe(lambda change: sent.append(change["new"]["title"]), "drawing")
    lineage = lineage_drawing(post_notification_events(barrier=False, request="r"))

    view.show(lineage)
    view.show(lineage)

    assert sent == ["Lineage of request r"]


def test_a_frozen_view_keeps_its_last_drawing(view: DrawingView) -> None:
    before = dict(view.drawing)

    view.freeze()
    view.freeze()
    view.show(lineage_drawing([]))

    assert view.drawing == before
    assert not view.is_live


def test_the_script_paints_every_kind_of_mark_and_every_attribute_of_it() -> None:
    table = SCRIPT[SCRIPT.index("const KINDS") : SCRIPT.index("};")]

    assert set(re.findall(r"^  (\w+): \(m\)", table, re.MULTILINE)) == set(KINDS)
    for kind, keys in KINDS.items():
        body = table[table.index(f"  {kind}: (m)") :].split("\n  ", 1)
        for key in keys:
            assert f"m.{key}" in "".join(body) or f"mark.{key}" in SCRIPT, (kind, key)


def test_the_script_loads_nothing_from_elsewhere() -> None:
    assert set(re.findall(r"https?://[^\"']+", SCRIPT)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(import|fetch|XMLHttpRequest|innerHTML)\b", SCRIPT)
