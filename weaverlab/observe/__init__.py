"""What can be seen of a deployment: method metrics, snapshots, and drawings of them as text and SVG.

Pure: everything here turns data into data. It opens nothing, writes nothing and reads no clock. Every process
of a deployment counts calls and few draw, so the drawing parts are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaverlab.observe.checkpoints import CheckpointCounts, Checkpoints, merge_checkpoints
from weaverlab.observe.metrics import BOUNDS_S, MethodCounts, MethodKey, MethodMetrics, MethodStats, merge

if TYPE_CHECKING:
    from weaverlab.observe.callgraph import callgraph_drawing
    from weaverlab.observe.callgraph_words import callgraph_mermaid, callgraph_text
    from weaverlab.observe.drawing import Drawing
    from weaverlab.observe.lineage import Violation, is_violation, lineage_text, requests, violations
    from weaverlab.observe.proportion import wilson
    from weaverlab.observe.snapshot import ComponentInfo, EdgeStats, LagLink, ListenerInfo, Snapshot, StoreInfo
    from weaverlab.observe.spacetime import lineage_drawing
    from weaverlab.observe.svg import to_svg
    from weaverlab.observe.table import html_table, text_table

__all__ = [
    "BOUNDS_S",
    "CheckpointCounts",
    "Checkpoints",
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
    "merge_checkpoints",
    "requests",
    "text_table",
    "to_svg",
    "violations",
    "wilson",
]

_LAZY = {
    "callgraph": ("callgraph_drawing",),
    "callgraph_words": ("callgraph_mermaid", "callgraph_text"),
    "drawing": ("Drawing",),
    "lineage": ("Violation", "is_violation", "lineage_text", "requests", "violations"),
    "proportion": ("wilson",),
    "snapshot": ("ComponentInfo", "EdgeStats", "LagLink", "ListenerInfo", "Snapshot", "StoreInfo"),
    "spacetime": ("lineage_drawing",),
    "svg": ("to_svg",),
    "table": ("html_table", "text_table"),
}


def __getattr__(name: str) -> Any:
    import importlib

    for module, names in _LAZY.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
