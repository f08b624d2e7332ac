"""Layered layout of a small directed graph, left to right, in horizontal bands (regions). Boxes in, boxes out.

After Sugiyama, Tagawa and Toda (1981), kept simple: longest-path layers, a slot for every layer that an edge
passes (so that edges run round boxes, not through them), barycentre ordering, boxes centred in their cell.
Deterministic: ties go by name. Cycles are tolerated: an edge that would close one does not count for layers.
What the boxes and edges mean, and how they look, is not in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from weaverlab.observe.drawing import Box, Point

_ROW_GAP = 26.0
_BAND_PADDING = 22.0
_COLUMN_GAP_MIN = 60.0
_PASS_HEIGHT = 16.0  # the slot of an edge that passes a layer
_SWEEPS = 6  # more do not improve graphs of the size that people draw


@dataclass(frozen=True)
class Node:
    """A box to place; `is_last` puts it into the last column, whatever leads to it."""

    name: str
    band: str
    width: float
    height: float
    is_last: bool = False


@dataclass(frozen=True)
class Edge:
    """An arrow to route; the column gap leaves room for a label of `label_width`."""

    source: str
    target: str
    label_width: float = 0.0


@dataclass(frozen=True)
class Layout:
    """Where everything went.

    A route starts and ends at the sides of boxes. Between its points 1 and 2, 3 and 4, ... it crosses a gap
    between columns and may curve; the other pieces are level.
    """

    boxes: dict[str, Box]
    routes: dict[tuple[str, str], tuple[Point, ...]]
    bands: dict[str, Box]
    width: float
    height: float


def layered(nodes: Sequence[Node], edges: Sequence[Edge], bands: Sequence[str]) -> Layout:
    """Return a layout whose boxes do not overlap, with the bands from top to bottom in the order given."""
    graph = _Graph(nodes, edges)
    columns = _ordered(graph, {band: i for i, band in enumerate(bands)})
    rows = _placed_vertically(graph, columns, bands)
    xs, widths, total_width = _placed_horizontally(graph, columns, edges)
    boxes = {
        name: Box(
            xs[layer] + (widths[layer] - graph.width[name]) / 2, rows.y[name], graph.width[name], graph.height[name]
        )
        for name, layer in graph.layer.items()
    }
    routes = _routes(graph, boxes, xs, widths)
    named = {node.name: boxes[node.name] for node in nodes}
    band_boxes = {band: Box(0.0, top, total_width, height) for band, (top, height) in rows.bands.items()}
    return Layout(named, routes, band_boxes, total_width, rows.total)


class _Graph:
    """Real boxes and pass-through slots alike, with their layers and the chains that stand for long edges."""

    def __init__(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        self.layer = longest_path_layers([n.name for n in nodes], [(e.source, e.target) for e in edges])
        last = max([self.layer[n.name] for n in nodes if not n.is_last], default=-1) + 1
        self.layer.update({n.name: last for n in nodes if n.is_last})
        self.band = {n.name: n.band for n in nodes}
        self.width = {n.name: n.width for n in nodes}
        self.height = {n.name: n.height for n in nodes}
        self.chains: dict[tuple[str, str], list[str]] = {}
        self.neighbours: dict[str, list[str]] = {}
        for edge in edges:
            self._add_chain(edge)

    def _add_chain(self, edge: Edge) -> None:
        chain = [edge.source]
        for layer in range(self.layer[edge.source] + 1, self.layer[edge.target]):
            slot = f"{edge.source}\0{edge.target}\0{layer}"
            self.layer[slot], self.band[slot] = layer, self.band[edge.target]
            self.width[slot], self.height[slot] = 0.0, _PASS_HEIGHT
            chain.append(slot)
        chain.append(edge.target)
        self.chains[edge.source, edge.target] = chain
        for a, b in pairwise(chain):
            self.neighbours.setdefault(a, []).append(b)
            self.neighbours.setdefault(b, []).append(a)


def longest_path_layers(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return, for each name, the length of the longest path that leads to it; sources are in layer 0."""
    callers: dict[str, list[str]] = {name: [] for name in sorted(names)}
    for source, target in sorted(edges):
        callers[target].append(source)
    layer: dict[str, int] = {}
    open_names: set[str] = set()

    def layer_of(name: str) -> int:
        if name not in layer:
            open_names.add(name)
            layer[name] = 1 + max((layer_of(c) for c in callers[name] if c not in open_names), default=-1)
            open_names.discard(name)
        return layer[name]

    return {name: layer_of(name) for name in callers}


def _ordered(graph: _Graph, band_rank: Mapping[str, int]) -> list[list[str]]:
    """Return each layer's names from top to bottom: by band, inside a band by the barycentre of the neighbours."""
    columns: list[list[str]] = [[] for _ in range(max(graph.layer.values(), default=-1) + 1)]
    for name in sorted(graph.layer, key=lambda name: (band_rank[graph.band[name]], name)):
        columns[graph.layer[name]].append(name)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for index in range(len(columns)) if forward else reversed(range(len(columns))):
            beside = index - 1 if forward else index + 1
            if 0 <= beside < len(columns):
                rank = {name: i / len(columns[beside]) for i, name in enumerate(columns[beside])}
                columns[index].sort(key=lambda n: (band_rank[graph.band[n]], _barycentre(graph, n, rank)))
    return columns


def _barycentre(graph: _Graph, name: str, rank: Mapping[str, float]) -> float:
    places = [rank[other] for other in graph.neighbours.get(name, ()) if other in rank]
    return sum(places) / len(places) if places else 0.5


class _Rows(NamedTuple):
    y: dict[str, float]
    bands: dict[str, tuple[float, float]]
    total: float


def _placed_vertically(graph: _Graph, columns: Sequence[Sequence[str]], bands: Sequence[str]) -> _Rows:
    y: dict[str, float] = {}
    placed: dict[str, tuple[float, float]] = {}
    top = 0.0
    for band in bands:
        cells = [[name for name in column if graph.band[name] == band] for column in columns]
        heights = [sum(graph.height[name] for name in cell) + _ROW_GAP * max(len(cell) - 1, 0) for cell in cells]
        band_height = max(heights, default=0.0) + 2 * _BAND_PADDING
        for cell, height in zip(cells, heights, strict=True):
            at = top + (band_height - height) / 2
            for name in cell:
                y[name] = at
                at += graph.height[name] + _ROW_GAP
        placed[band] = (top, band_height)
        top += band_height
    return _Rows(y, placed, top)


def _placed_horizontally(
    graph: _Graph, columns: Sequence[Sequence[str]], edges: Sequence[Edge]
) -> tuple[list[float], list[float], float]:
    widths = [max(graph.width[name] for name in column) for column in columns]
    gaps = [_COLUMN_GAP_MIN] * len(columns)
    for edge in edges:
        index = graph.layer[edge.source]
        gaps[index] = max(gaps[index], edge.label_width + 36)
    xs, at = [], 0.0
    for width, gap in zip(widths, gaps, strict=True):
        xs.append(at)
        at += width + gap
    return xs, widths, at - (gaps[-1] if gaps else 0.0)


def _ports(graph: _Graph, boxes: Mapping[str, Box], end: int) -> dict[tuple[str, str], float]:
    """Return where each edge touches its source (`end` 0) or target (`end` 1), as y.

    Edges that share a side get places of their own on it, in the order of what they come from or lead to.
    """
    sides: dict[str, list[tuple[float, tuple[str, str]]]] = {}
    for key, chain in graph.chains.items():
        beside = boxes[chain[-2] if end else chain[1]]
        sides.setdefault(key[end], []).append((beside.y + beside.height / 2, key))
    return {
        key: boxes[name].y + boxes[name].height * (i + 1) / (len(edges) + 1)
        for name, edges in sides.items()
        for i, (_, key) in enumerate(sorted(edges))
    }


def _routes(
    graph: _Graph, boxes: Mapping[str, Box], xs: Sequence[float], widths: Sequence[float]
) -> dict[tuple[str, str], tuple[Point, ...]]:
    """Return the points of each edge: level inside every column, so that it can only curve in the gaps between them."""
    leaving, arriving = _ports(graph, boxes, 0), _ports(graph, boxes, 1)
    routes: dict[tuple[str, str], tuple[Point, ...]] = {}
    for key, chain in graph.chains.items():
        source, target = boxes[key[0]], boxes[key[1]]
        first, last = graph.layer[key[0]], graph.layer[key[1]]
        points = [(source.x + source.width, leaving[key]), (xs[first] + widths[first], leaving[key])]
        for slot in chain[1:-1]:
            left, y = xs[graph.layer[slot]], boxes[slot].y + _PASS_HEIGHT / 2
            points += [(left, y), (left + widths[graph.layer[slot]], y)]
        routes[key] = (*points, (xs[last], arriving[key]), (target.x, arriving[key]))
    return routes
