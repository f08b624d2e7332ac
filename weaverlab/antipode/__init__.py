"""Antipode's pure core: lineages, the barrier's decision, and the embedded stores as data structures.

No thread, socket, clock or chance is in here; time and chance come in as arguments. The shells around it are in
`weaverlab.stores`.
"""

from weaverlab.antipode.barrier import BarrierReport, Mode, barriers
from weaverlab.antipode.context import get_lineage, request, transfer
from weaverlab.antipode.lineage import Dependency, Lineage
from weaverlab.antipode.packing import MAX_PACKED_BYTES
from weaverlab.config import BarrierFaults

__all__ = [
    "MAX_PACKED_BYTES",
    "BarrierFaults",
    "BarrierReport",
    "Dependency",
    "Lineage",
    "Mode",
    "barriers",
    "get_lineage",
    "request",
    "transfer",
]
