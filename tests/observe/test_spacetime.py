"""The space-time diagram: everything inside, nothing lost, and a violation that nobody can overlook."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations

import pytest

from tests.observe.sample import post_notification_events
from weaverlab.history import Applied, Event, Finished, Observed, Waited
from weaverlab.observe import lineage_drawing, to_svg
from weaverlab.observe.drawing import GREEN, RED, Box, Drawing, Mark, extent, overlap
from weaverlab.observe.lanes import Lanes

VIOLATED = post_notification_events(barrier=False)
HEALTHY = post_notification_events(barrier=True)


def texts(drawing: Drawing) -> list[str]:
    return [mark["text"] for mark in drawing["marks"] if mark["kind"] == "text"]


def violation_marks(drawing: Drawing) -> list[Mark]:
    return [mark for mark in drawing["marks"] if mark["hover"].startswith("violation:")]


def assert_sound(drawing: Drawing) -> None:
    """Everything lies inside the canvas, and the SVG is a document."""
    ET.fromstring(to_svg(drawing))
    for mark in drawing["marks"]:
        left, top, right, bottom = extent(mark)
        assert left >= 0 and top >= 0 and right <= drawing["width"] and bottom <= drawing["height"], mark


def test_a_violated_request_shows_a_red_dashed_arrow_from_the_write_to_the_read_and_how_early_it_was() -> None:
    drawing = lineage_drawing(VIOLATED)

    arrows = [mark for mark in violation_marks(drawing) if mark["kind"] == "line"]
    assert [(mark["stroke"], mark["dash"]) for mark in arrows] == [(RED, [7, 4])]
    assert {"not found", "read 78 ms too early"} <= set(texts(drawing))
    assert any(text.startswith("VIOLATION: posts/p42") for text in texts(drawing))


def test_a_healthy_request_has_its_barrier_a_tick_and_nothing_red() -> None:
    drawing = lineage_drawing(HEALTHY)

    assert {"barrier 79 ms", "found", "CONSISTENT: every read found what this request had written"} <= set(
        texts(drawing)
    )
    assert not violation_marks(drawing)
    about_events = [mark for mark in drawing["marks"] if mark["hover"]]
    assert not [mark for mark in about_events if RED in (mark["stroke"], mark["fill"])]
    assert [mark for mark in about_events if mark["stroke"] == GREEN]


@pytest.mark.parametrize("events", [VIOLATED, HEALTHY], ids=["violated", "healthy"])
def test_the_drawing_is_sound_and_does_not_depend_on_the_order_of_events(events: tuple[Event, ...]) -> None:
    drawing = lineage_drawing(events)

    assert_sound(drawing)
    assert lineage_drawing(events[::-1]) == drawing


@pytest.mark.parametrize("events", [VIOLATED, HEALTHY], ids=["violated", "healthy"])
def test_no_text_covers_another(events: tuple[Event, ...]) -> None:
    extents = [extent(mark) for mark in lineage_drawing(events)["marks"] if mark["kind"] == "text"]

    boxes = [Box(left, top, right - left, bottom - top) for left, top, right, bottom in extents]
    assert not [(a, b) for a, b in combinations(boxes, 2) if overlap(a, b)]


@pytest.mark.parametrize("seed", range(40))
def test_lost_events_never_keep_a_request_from_being_drawn(seed: int) -> None:
    rng = random.Random(seed)
    kept = [event for event in rng.choice([VIOLATED, HEALTHY]) if rng.random() < rng.choice([0.2, 0.6, 0.9])]
    rng.shuffle(kept)

    assert_sound(lineage_drawing(kept))


@pytest.mark.parametrize("event", [*VIOLATED, *HEALTHY], ids=lambda event: type(event).__name__)
def test_an_event_alone_can_be_drawn(event: Event) -> None:
    assert_sound(lineage_drawing([event]))


def test_names_of_any_kind_and_length_are_drawn_inside_the_canvas() -> None:
    nasty = "<&\">'" * 30
    events = [replace(event, component=nasty, region=nasty, request=nasty) for event in VIOLATED]

    assert_sound(lineage_drawing(events))


def test_no_events_give_a_drawing_that_says_so() -> None:
    assert texts(lineage_drawing([])) == ["No events were recorded."]
    assert texts(lineage_drawing(VIOLATED, "unknown")) == ["No events were recorded for request unknown."]


def test_an_execution_whose_end_was_lost_is_drawn_paler_and_says_so() -> None:
    drawing = lineage_drawing([event for event in VIOLATED if not isinstance(event, Finished)])

    assert [mark for mark in drawing["marks"] if mark["opacity"] == 0.4 and "its end was not recorded" in mark["hover"]]


def test_a_failed_call_is_red_and_names_its_error() -> None:
    failed = [replace(e, error="KeyError") if isinstance(e, Finished) else e for e in HEALTHY]

    assert "fetch: KeyError" in texts(lineage_drawing(failed))


def test_a_barrier_that_gave_up_says_so() -> None:
    gave_up = [replace(event, missing=1) if isinstance(event, Waited) else event for event in HEALTHY]

    assert "barrier gave up after 79 ms" in texts(lineage_drawing(gave_up))


def test_a_violation_whose_write_never_arrived_has_an_arrow_but_no_span() -> None:
    drawing = lineage_drawing([event for event in VIOLATED if not isinstance(event, Applied)])

    assert {mark["kind"] for mark in violation_marks(drawing)} == {"line"}
    assert not [text for text in texts(drawing) if "too early" in text and text != "read too early"]


def test_lanes_are_grouped_by_region_with_stores_where_the_regions_meet() -> None:
    lanes = sorted(Lanes(VIOLATED, top=0), key=lambda lane: lane.y)

    assert [(lane.region, lane.name) for lane in lanes] == [
        ("", "App"),
        ("eu", "PostUpload"), ("eu", "PostStorageEU"), ("eu", "Notifier"), ("eu", "posts"), ("eu", "notifications"),
        ("us", "posts"), ("us", "notifications"), ("us", "FollowerNotify"), ("us", "Reader"), ("us", "PostStorageUS"),
    ]  # fmt: skip


def test_a_read_of_something_the_request_never_wrote_is_not_called_a_violation() -> None:
    drawing = lineage_drawing([event for event in VIOLATED if isinstance(event, Observed)])

    assert "not found" in texts(drawing)
    assert not violation_marks(drawing)
