"""The call graph of a snapshot as a drawing: components by region, replicas, stores, listeners, what was called.

The text and Mermaid forms are in `callgraph_words.py`, the placing of boxes in `layered.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from weaverlab.observe.callgraph_words import (
    callgraph_text,
    edge_hover,
    edge_label,
    links_of,
    node_hover,
    outside_callers,
)
from weaverlab.observe.drawing import (
    GREEN,
    GRID,
    INK,
    MUTED,
    NO_REGION_COLOUR,
    PAPER,
    RED,
    REGION_COLOURS,
    Box,
    Canvas,
    Drawing,
    Point,
    label_size,
    overlap,
    text_width,
)
from weaverlab.observe.layered import Edge, Layout, Node, layered, longest_path_layers
from weaverlab.observe.snapshot import EdgeStats, Snapshot
from weaverlab.observe.units import shorten

_MARGIN, _HEADER, _FOOTER = 16.0, 58.0, 40.0
_WIDTH_MIN = 640.0  # the legend's
_REGION_LENGTH_MAX = 14
_NODE_HEIGHT, _STORE_HEIGHT, _OUTSIDE_HEIGHT = 50.0, 46.0, 30.0
_LENS = 6.0  # half the height of a cylinder's lid
_NAME_LENGTH_MAX = 28
_LABEL_SIZE = 11
_DOTS_MAX = 8  # replicas shown one by one


@dataclass(frozen=True)
class CallGraph:
    """A snapshot as a graph to lay out. Store nodes are named `store@region`; regions go from top to bottom."""

    nodes: tuple[Node, ...]
    calls: tuple[Edge, ...]
    uses: tuple[Edge, ...]
    regions: tuple[str, ...]

    def layout(self) -> Layout:
        """Return where everything goes."""
        return layered(self.nodes, (*self.calls, *self.uses), self.regions)


def call_graph(snapshot: Snapshot) -> CallGraph:
    """Return the graph of `snapshot`: its components, its outside callers, and each store in each of its regions."""
    region_of = {component.name: component.region for component in snapshot.components}
    live = snapshot.edge_calls()
    outside = outside_callers(snapshot)
    known = {*region_of, *outside}
    pairs = sorted({*snapshot.edges, *live})
    calls = [Edge(a, b, _label_width(live.get((a, b)))) for a, b in pairs if a in known and b in known and a != b]
    nodes = [Node(name, "", _box_width(name), _OUTSIDE_HEIGHT) for name in outside]
    nodes += [Node(c.name, c.region, _box_width(c.name), _NODE_HEIGHT) for c in snapshot.components]
    uses = []
    for store in snapshot.stores:
        regions = store.regions or ("",)
        nodes += [Node(f"{store.name}@{r}", r, _box_width(store.name), _STORE_HEIGHT, is_last=True) for r in regions]
        for user in sorted(set(store.users) & set(region_of)):
            region = region_of[user] if region_of[user] in regions else regions[0]
            uses.append(Edge(user, f"{store.name}@{region}"))
    return CallGraph(tuple(nodes), tuple(calls), tuple(uses), _regions_in_call_order(nodes, calls))


def callgraph_drawing(snapshot: Snapshot) -> Drawing:
    """Return the call graph of `snapshot`, laid out: the same snapshot always gives the same drawing."""
    return _Painter(snapshot).drawing()


def region_colours(regions: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return a (tint, strong) pair for each region, in the order given; `""` is grey."""
    named = [region for region in regions if region]
    colours = {region: REGION_COLOURS[i % len(REGION_COLOURS)] for i, region in enumerate(named)}
    return {"": NO_REGION_COLOUR, **colours}


def _regions_in_call_order(nodes: Sequence[Node], calls: Sequence[Edge]) -> tuple[str, ...]:
    """Return no region first, then the regions by how early the calls reach them, then by name."""
    layers = longest_path_layers([node.name for node in nodes], [(e.source, e.target) for e in calls])
    first: dict[str, int] = {}
    for node in nodes:
        layer = 1_000_000 if node.is_last else layers[node.name]
        first[node.band] = min(first.get(node.band, layer), layer)
    return tuple(sorted(first, key=lambda region: (region != "", first[region], region)))


def _label_width(stats: EdgeStats | None) -> float:
    return label_size(_label(stats), _LABEL_SIZE)[0] if stats else 0.0


def _label(stats: EdgeStats) -> str:
    """Return the edge's label, one fact a line: narrow labels make a narrow picture."""
    return edge_label(stats).replace(" · ", "\n")


def _box_width(name: str) -> float:
    return max(96.0, text_width(shorten(name, _NAME_LENGTH_MAX), 13, bold=True) + 28)


class _Painter:
    """Paints one snapshot; lives for one call of `callgraph_drawing`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.graph = call_graph(snapshot)
        self.layout = self.graph.layout()
        self.colours = region_colours(self.graph.regions)
        self.canvas = Canvas()
        self.has_regions = any(self.graph.regions)
        names = [text_width(shorten(region, _REGION_LENGTH_MAX), 12, bold=True) for region in self.graph.regions]
        self.left = 2 * _MARGIN + max(names, default=0.0) + (16 if self.has_regions else 0)
        self.taken = [self._moved(box) for box in self.layout.boxes.values()]  # no label may go there

    def drawing(self) -> Drawing:
        bulge = self._link_room()
        width = max(self.left + self.layout.width + bulge + 2 * _MARGIN, _WIDTH_MIN)
        height = _HEADER + self.layout.height + _FOOTER
        self._paint_header()
        self._paint_bands(width)
        self._paint_uses()
        labels = self._paint_calls() + self._paint_links()
        self._paint_nodes()
        for x, y, text, colour, hover in labels:
            self.canvas.label(x, y, text, size=_LABEL_SIZE, fill=colour, hover=hover)
        self._paint_legend(height)
        title = f"Call graph of deployment {self.snapshot.deployment_id}"
        return self.canvas.drawing(title, width, height, callgraph_text(self.snapshot))

    def _moved(self, box: Box) -> Box:
        return Box(box.x + self.left, box.y + _HEADER, box.width, box.height)

    def _paint_header(self) -> None:
        snapshot = self.snapshot
        self.canvas.text(_MARGIN, 26, "Call graph", size=16, bold=True)
        facts = f"deployment {snapshot.deployment_id} · {snapshot.deployer} · {snapshot.state}"
        self.canvas.text(_MARGIN, 44, facts, size=11, fill=RED if snapshot.state == "failed" else MUTED)

    def _paint_bands(self, width: float) -> None:
        if not self.has_regions:
            return
        for region, band in self.layout.bands.items():
            tint, strong = self.colours[region]
            y = band.y + _HEADER
            self.canvas.rect(_MARGIN, y + 3, width - 2 * _MARGIN, band.height - 6, radius=8, fill=tint)
            name = shorten(region, _REGION_LENGTH_MAX)
            self.canvas.text(
                _MARGIN + 10, y + 22, name, size=12, bold=True, fill=strong, hover=f"region {region}" if region else ""
            )

    def _paint_calls(self) -> list[tuple[float, float, str, str, str]]:
        """Paint the arrows and return their labels, which go on top of everything."""
        live, labels = self.snapshot.edge_calls(), []
        for edge in self.graph.calls:
            stats = live.get((edge.source, edge.target))
            hover = edge_hover(self.snapshot, edge.source, edge.target)
            colour = RED if stats and stats.errors else INK if stats else MUTED
            style = {"stroke_width": 1.2 + 0.35 * math.log10(stats.calls)} if stats else {"dash": [2, 4]}
            points = self._points(edge)
            self._paint_curve(points, colour, hover, **style)
            if stats:
                text = _label(stats)
                (x1, y1), (x2, y2) = points[1:3]  # the first gap
                middle = (x1 + x2) / 2
                place = self._free_place(text, (x1, y1), (middle, y1), (middle, y2), (x2, y2))
                labels.append((*place, text, RED if stats.errors else INK, hover))
        return labels

    def _paint_uses(self) -> None:
        for edge in self.graph.uses:
            store, _, region = edge.target.rpartition("@")
            hover = f"{edge.source} uses {store}" + (f" in {region}" if region else "")
            self._paint_curve(self._points(edge), self.colours[region][1], hover, dash=[6, 3], stroke_width=1.3)

    def _paint_curve(self, points: Sequence[Point], colour: str, hover: str, **style: object) -> None:
        tip_x, tip_y = points[-1]
        shaft = [*points[:-1], (tip_x - 6, tip_y)]  # it ends inside the head, which stays sharp
        commands: list[tuple[object, ...]] = [("M", *shaft[0])]
        for (x1, y1), (x2, y2) in pairwise(shaft):
            middle = (x1 + x2) / 2
            commands.append(("L", x2, y2) if y1 == y2 else ("C", middle, y1, middle, y2, x2, y2))
        self.canvas.path(commands, stroke=colour, hover=hover, **style)
        self.canvas.arrow_head(points[-1], 0.0, colour, size=8)

    def _points(self, edge: Edge) -> list[Point]:
        route = self.layout.routes[edge.source, edge.target]
        return [(x + self.left, y + _HEADER) for x, y in route]

    def _free_place(self, text: str, a: Point, b: Point, c: Point, d: Point) -> Point:
        """Return a place on a cubic where its label covers neither box nor label; its middle if none is free."""
        width, height = label_size(text, _LABEL_SIZE)
        places = [_on_cubic(a, b, c, d, share) for share in (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74)]
        plates = [Box(x - width / 2, y - height / 2, width, height) for x, y in places]
        free = next((i for i, plate in enumerate(plates) if not any(overlap(plate, b) for b in self.taken)), 0)
        self.taken.append(plates[free])
        return places[free]

    def _paint_nodes(self) -> None:
        names = {component.name for component in self.snapshot.components}
        for node in self.graph.nodes:
            box = self._moved(self.layout.boxes[node.name])
            if node.is_last:
                self._paint_store(node, box)
            elif node.name in names:
                self._paint_component(node, box)
            else:
                self.canvas.rect(
                    *box, radius=box.height / 2, fill=PAPER, stroke=MUTED, dash=[4, 3], hover="outside caller"
                )
                self._centred(box, box.y + 20, shorten(node.name, _NAME_LENGTH_MAX), size=12, fill=MUTED)

    def _paint_component(self, node: Node, box: Box) -> None:
        hover = node_hover(self.snapshot, node.name)
        is_main = any(component.is_main for component in self.snapshot.components if component.name == node.name)
        replicas = self.snapshot.replicas_of(node.name)
        down = sum(not replica.healthy for replica in replicas)
        strong = self.colours[node.band][1]
        stroke, width = RED if down else strong, 2.4 if is_main else 1.4
        self.canvas.rect(*box, radius=6, fill=PAPER, stroke=stroke, stroke_width=width, hover=hover)
        self._centred(box, box.y + 21, shorten(node.name, _NAME_LENGTH_MAX), size=13, bold=True, hover=hover)
        listeners = [listener for listener in self.snapshot.listeners if listener.component == node.name]
        below = ", ".join(listener.address or listener.name for listener in listeners)
        if below:
            self._centred(box, box.y + box.height + 13, below, size=10, fill=strong, hover=hover)
        self._paint_replicas(box, [replica.healthy for replica in replicas], hover)

    def _paint_replicas(self, box: Box, healthy: Sequence[bool], hover: str) -> None:
        """Paint a dot for each replica, and their number when there are several."""
        shown = healthy[:_DOTS_MAX]
        count = f"\u00d7 {len(healthy)}" if len(healthy) > 1 else ""
        width = 12.0 * len(shown) + (text_width(count, 11) + 3 if count else 0)
        x, y = box.x + (box.width - width) / 2 + 6, box.y + 36
        for i, well in enumerate(shown):
            if well:
                self.canvas.circle(x + 12 * i, y, 3.8, fill=GREEN, hover=hover)
            else:
                self.canvas.cross(x + 12 * i, y, 3.4, RED, stroke_width=2.2, hover=hover)
        if count:
            self.canvas.text(x + 12 * len(shown) - 3, y + 4, count, size=11, fill=INK, hover=hover)

    def _paint_store(self, node: Node, box: Box) -> None:
        store, _, region = node.name.rpartition("@")
        kind = next(info.kind for info in self.snapshot.stores if info.name == store)
        hover = f"{store}: {kind}" + (f" in {region}" if region else "")
        strong = self.colours[node.band][1]
        left, right, top, bottom = box.x, box.x + box.width, box.y + _LENS, box.y + box.height - _LENS
        bend = _LENS * 4 / 3
        side = [("M", left, top), ("L", left, bottom), ("C", left, bottom + bend, right, bottom + bend, right, bottom)]
        lid_up = ("C", right, top - bend, left, top - bend, left, top)
        lid_down = ("C", left, top + bend, right, top + bend, right, top)
        self.canvas.path(
            [*side, ("L", right, top), lid_up, ("Z",)], fill=PAPER, stroke=strong, stroke_width=1.4, hover=hover
        )
        self.canvas.path([("M", left, top), lid_down], stroke=strong, stroke_width=1.4)
        self._centred(box, box.y + 27, shorten(store, _NAME_LENGTH_MAX), size=12, bold=True, hover=hover)
        self._centred(box, box.y + 39, kind, size=9, fill=MUTED, hover=hover)

    def _centred(self, box: Box, y: float, text: str, **style: object) -> None:
        self.canvas.text(box.x + box.width / 2, y, text, anchor="middle", **style)  # type: ignore[arg-type]

    def _link_room(self) -> float:
        """Return how far the replication arrows and their labels reach to the right of the last column."""
        reach = [
            _link_reach(i) + text_width(text, _LABEL_SIZE) / 2 for i, (*_, text) in enumerate(links_of(self.snapshot))
        ]
        return max(reach, default=0.0)

    def _paint_links(self) -> list[tuple[float, float, str, str, str]]:
        """Paint replication as curves right of the last column, each further out than the one before."""
        column, labels = self.left + self.layout.width, []
        for i, (store, origin, target, is_mutual, text) in enumerate(links_of(self.snapshot)):
            (x1, y1), (x2, y2) = start, end = self._right_side(store, origin), self._right_side(store, target)
            out = (column + _link_reach(i) - (x1 + x2) / 8) * 4 / 3  # so that the cubic just touches the reach
            hover = f"{store}: {origin} to {target}" + (" and back" if is_mutual else "") + f", lag {text}"
            colour = self.colours[origin][1]
            curve = [("M", x1 + (6 if is_mutual else 0), y1), ("C", out, y1, out, y2, x2 + 6, y2)]
            self.canvas.path(curve, stroke=colour, stroke_width=1.6, dash=[2, 3], hover=hover)
            for tip in (end, start) if is_mutual else (end,):
                self.canvas.arrow_head(tip, math.pi, colour, size=8)
                self.taken.append(Box(tip[0], tip[1] - 6, 40, 12))
            labels.append((start, (out, y1), (out, y2), end, text, colour, hover))
        return [(*self._free_place(text, *curve), text, colour, hover) for *curve, text, colour, hover in labels]

    def _right_side(self, store: str, region: str) -> Point:
        box = self._moved(self.layout.boxes[f"{store}@{region}"])
        return box.x + box.width, box.y + box.height / 2

    def _paint_legend(self, height: float) -> None:
        y, x = height - 18, _MARGIN
        for text, colour, dash in (
            ("calls (count, median latency)", INK, []),
            ("declared, not called", MUTED, [2, 4]),
            ("uses a store", NO_REGION_COLOUR[1], [6, 3]),
            ("replicates, with lag", NO_REGION_COLOUR[1], [2, 3]),
        ):
            self.canvas.line(x, y - 3.5, x + 26, y - 3.5, stroke=colour, stroke_width=1.5, dash=dash)
            self.canvas.text(x + 32, y, text, size=10, fill=MUTED)
            x += 32 + text_width(text, 10) + 18
        self.canvas.line(_MARGIN, height - 36, x - 18, height - 36, stroke=GRID)


def _link_reach(index: int) -> float:
    return 30.0 + 46 * index


def _on_cubic(a: Point, b: Point, c: Point, d: Point, share: float) -> Point:
    """Return the point at `share` of the cubic from `a` to `d` with the control points `b` and `c`."""
    rest = 1 - share
    weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    x, y = (sum(weight * point[i] for weight, point in zip(weights, (a, b, c, d), strict=True)) for i in (0, 1))
    return x, y
