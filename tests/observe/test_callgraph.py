"""The call graph: laid out without overlap, the same every time, and true to its snapshot."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations, pairwise

import pytest

from tests.observe.sample import post_notification_snapshot
from weaverlab.observe import (
    ComponentInfo,
    LagLink,
    MethodKey,
    MethodStats,
    Snapshot,
    StoreInfo,
    callgraph_drawing,
    callgraph_mermaid,
    callgraph_text,
    to_svg,
)
from weaverlab.observe.callgraph import call_graph
from weaverlab.observe.drawing import Box, Drawing, extent, overlap
from weaverlab.observe.layered import longest_path_layers


def random_snapshot(seed: int) -> Snapshot:
    rng = random.Random(seed)
    names = [f"Component{i}" for i in range(rng.randint(1, 14))]
    edges = {(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if rng.random() < 0.3}
    counts = []
    for caller, callee in sorted(edges):
        stats = MethodStats(MethodKey(caller, callee, "do", True))
        for _ in range(rng.randint(0, 3)):
            stats.record(rng.random())
        counts.append(stats.snapshot())
    regions = ("eu", "us", "ap")[: rng.randint(1, 3)]
    links = tuple(LagLink(a, b, f"{rng.randint(1, 200)} ms") for a in regions for b in regions if a != b)
    return replace(
        post_notification_snapshot(0),
        components=tuple(ComponentInfo(name, rng.choice(["", "eu", "us"])) for name in names),
        edges=tuple(sorted(edges)),
        counts=tuple(counts),
        stores=tuple(
            StoreInfo(f"store{i}", "kv", regions, links, (rng.choice(names),)) for i in range(rng.randint(0, 3))
        ),
    )


def texts(drawing: Drawing) -> list[str]:
    return [mark["text"] for mark in drawing["marks"] if mark["kind"] == "text"]


def test_the_same_snapshot_gives_the_same_drawing_whatever_the_order_of_its_parts() -> None:
    snapshot = post_notification_snapshot()
    shuffled = replace(snapshot, edges=snapshot.edges[::-1], counts=snapshot.counts[::-1])

    assert callgraph_drawing(snapshot) == callgraph_drawing(post_notification_snapshot())
    assert callgraph_drawing(snapshot) == callgraph_drawing(shuffled)


@pytest.mark.parametrize("seed", range(25))
def test_no_two_boxes_overlap_and_each_lies_in_the_band_of_its_region(seed: int) -> None:
    graph = call_graph(random_snapshot(seed))
    layout = graph.layout()

    assert not any(overlap(a, b) for a, b in combinations(layout.boxes.values(), 2))
    for node in graph.nodes:
        box, band = layout.boxes[node.name], layout.bands[node.band]
        assert band.y < box.y
        assert box.y + box.height < band.y + band.height


@pytest.mark.parametrize("seed", range(25))
def test_no_edge_runs_through_a_box(seed: int) -> None:
    layout = call_graph(random_snapshot(seed)).layout()

    for (source, target), points in layout.routes.items():
        for (x1, y1), (x2, y2) in pairwise(points):
            hull = Box(min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1))
            assert not [name for name, box in layout.boxes.items() if overlap(hull, box)], (source, target)


@pytest.mark.parametrize("seed", range(10))
def test_every_mark_is_inside_the_canvas_and_the_svg_is_well_formed(seed: int) -> None:
    drawing = callgraph_drawing(random_snapshot(seed))

    ET.fromstring(to_svg(drawing))
    for mark in drawing["marks"]:
        left, top, right, bottom = extent(mark)
        assert left >= 0 and top >= 0, mark
        if mark["kind"] != "path":  # the hull of a curve is larger than the curve
            assert right <= drawing["width"] and bottom <= drawing["height"], mark


def test_callers_stand_left_of_callees_and_stores_right_of_all() -> None:
    boxes = call_graph(post_notification_snapshot()).layout().boxes

    for chain in (
        ["App", "PostUpload", "PostStorageEU", "posts@eu"],
        ["FollowerNotify", "Reader", "PostStorageUS", "posts@us"],
    ):
        xs = [boxes[name].x for name in chain]
        assert xs == sorted(xs)


def test_an_edge_says_how_often_it_was_called_how_fast_and_what_failed() -> None:
    drawing = callgraph_drawing(post_notification_snapshot())

    assert texts(drawing).count("1,204 calls") == 5
    assert "3 failed" in texts(drawing)
    assert any("do_reader: 1,204 calls" in mark["hover"] for mark in drawing["marks"])


def test_replicas_are_counted_and_one_that_is_down_is_crossed_out() -> None:
    drawing = callgraph_drawing(post_notification_snapshot())

    dots = [mark for mark in drawing["marks"] if mark["kind"] == "circle"]
    assert len(dots) == 8
    assert texts(drawing).count("\u00d7 2") == 2
    assert any("Reader/1: process" in mark["hover"] and "down" in mark["hover"] for mark in drawing["marks"])


def test_a_caller_that_is_no_component_is_drawn_too() -> None:
    stats = MethodStats(MethodKey("notebook", "Reader", "read", True))
    stats.record(0.001)
    snapshot = replace(post_notification_snapshot(), counts=(stats.snapshot(),))

    assert "notebook" in texts(callgraph_drawing(snapshot))
    assert "notebook  [outside]\n  -> Reader" in callgraph_text(snapshot)


def test_replication_is_labelled_with_its_lag() -> None:
    assert {"20 ms", "100 ms"} <= set(texts(callgraph_drawing(post_notification_snapshot())))


def test_a_deployment_without_regions_stores_and_calls_can_be_drawn_and_so_can_an_empty_one() -> None:
    plain = replace(post_notification_snapshot(0), components=(ComponentInfo("Alone"),), stores=(), edges=())
    empty = replace(plain, components=(), replicas=(), listeners=())

    assert "Alone" in texts(callgraph_drawing(plain))
    assert callgraph_drawing(empty)["width"] > 0


def test_a_cycle_does_not_keep_a_graph_from_being_laid_out() -> None:
    assert longest_path_layers("abc", [("a", "b"), ("b", "c"), ("c", "a")]) == {"a": 2, "b": 0, "c": 1}


def test_the_text_form_shows_each_component_below_its_caller() -> None:
    lines = callgraph_text(post_notification_snapshot()).splitlines()

    assert lines[0] == "App  [1 replica]"
    assert "  -> PostUpload  [eu, 1 replica]  1,204 calls · 260 µs" in lines
    assert "       -> Reader  [us, 2 replicas, 1 down]  1,204 calls · 1.10 ms · 3 failed" in lines
    assert "posts: eu -> us, lag 100 ms" in lines


def test_the_mermaid_form_groups_by_region_and_escapes_names() -> None:
    snapshot = replace(
        post_notification_snapshot(0),
        components=(ComponentInfo('A"<&', "eu"), ComponentInfo("B")),
        edges=(('A"<&', "B"),),
    )

    mermaid = callgraph_mermaid(snapshot)

    assert mermaid.startswith("flowchart LR\n")
    assert 'subgraph "eu"\n  n0["A&quot;&lt;&amp;  [eu, 0 replicas]"]\nend' in mermaid
    assert "  n0 -.-> n1" in mermaid
