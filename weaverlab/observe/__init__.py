"""What can be seen of a deployment: method metrics, snapshots, and drawings of them as text and SVG.

Pure: everything here turns data into data. It opens nothing, writes nothing and reads no clock.
"""

from __future__ import annotations

from weaverlab.observe.callgraph import callgraph_drawing
from weaverlab.observe.callgraph_text import callgraph_mermaid, callgraph_text
from weaverlab.observe.drawing import Drawing
from weaverlab.observe.lineage import Violation, is_violation, lineage_text, requests, violations
from weaverlab.observe.metrics import MethodCounts, MethodKey, MethodMetrics, MethodStats, merge
from weaverlab.observe.proportion import wilson
from weaverlab.observe.snapshot import ComponentInfo, EdgeStats, LagLink, ListenerInfo, Snapshot, StoreInfo
from weaverlab.observe.spacetime import lineage_drawing
from weaverlab.observe.svg import to_svg
from weaverlab.observe.table import html_table, text_table

__all__ = [
    "ComponentInfo",
    "Drawing",
    "EdgeStats",
    "LagLink",
    "ListenerInfo",
    "MethodCounts",
    "MethodKey",
    "MethodMetrics",
    "MethodStats",
    "Snapshot",
    "StoreInfo",
    "Violation",
    "callgraph_drawing",
    "callgraph_mermaid",
    "callgraph_text",
    "html_table",
    "is_violation",
    "lineage_drawing",
    "lineage_text",
    "merge",
    "requests",
    "text_table",
    "to_svg",
    "violations",
    "wilson",
]
