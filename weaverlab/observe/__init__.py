"""What can be seen of a deployment: method metrics, snapshots, and drawings of them as text and SVG.

Pure: everything here turns data into data. It opens nothing, writes nothing and reads no clock.
"""

from __future__ import annotations

from weaverlab.observe.metrics import MethodCounts, MethodKey, MethodMetrics, MethodStats, merge
from weaverlab.observe.snapshot import ComponentInfo, EdgeStats, LagLink, ListenerInfo, Snapshot, StoreInfo
from weaverlab.observe.table import html_table, text_table

__all__ = [
    "ComponentInfo",
    "EdgeStats",
    "LagLink",
    "ListenerInfo",
    "MethodCounts",
    "MethodKey",
    "MethodMetrics",
    "MethodStats",
    "Snapshot",
    "StoreInfo",
    "html_table",
    "merge",
    "text_table",
]
