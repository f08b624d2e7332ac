"""The embedded key-value store as a data structure: what each region sees, and when.

The same core runs behind the embedded service on real time and in a simulator on simulated time. Values and
lineages are opaque bytes. Not in here: logs and links (`replication`), pickling, threads and waiting (`stores`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weaverlab.antipode.lineage import Dependency
from weaverlab.antipode.replication import Applied, Entry, Replication

if TYPE_CHECKING:
    from weaverlab.clock import Rng
    from weaverlab.config import Lag


class Item(NamedTuple):
    """What a read found: the value, the lineage of its writer, and the write itself."""

    value: bytes
    lineage: bytes
    dependency: Dependency


class EmbeddedStore:
    """A geo-replicated map from (table, key) to the last written value, by position.

    A delete is an entry without a value. It stays behind as a tombstone, so an older write that arrives later
    over a slower link does not bring the item back.
    """

    def __init__(
        self,
        store: str,
        regions: Sequence[str],
        lag: Callable[[str, str], Lag],
        rng: Rng,
        on_applied: Applied | None = None,
    ) -> None:
        self.log = Replication(store, regions, lag, rng, self._apply)
        self._on_applied = on_applied
        self._views: dict[str, dict[tuple[str, str], Entry]] = {region: {} for region in regions}

    def write(
        self, region: str, table: str, key: str, value: bytes, lineage: bytes, now_s: float, trace: bytes = b""
    ) -> Dependency:
        """Store `value` with its writer's lineage in `region`; other regions follow after their lag."""
        entry, _ = self.log.append(region, table, key, value, lineage, trace, now_s)
        return Dependency(self.log.store, region, entry.position)

    def delete(self, region: str, table: str, key: str, lineage: bytes, now_s: float, trace: bytes = b"") -> Dependency:
        """Remove an item; deleting what is not there is a write all the same, and can be waited for."""
        entry, _ = self.log.append(region, table, key, None, lineage, trace, now_s)
        return Dependency(self.log.store, region, entry.position)

    def read(self, region: str, table: str, key: str, now_s: float) -> Item | None:
        """Return what `region` sees at `now_s`; None when it sees nothing, or a delete."""
        self.log.check_region(region)
        self.log.advance(now_s)
        entry = self._views[region].get((table, key))
        if entry is None or entry.value is None:
            return None
        return Item(entry.value, entry.lineage, Dependency(self.log.store, entry.origin, entry.position))

    def _apply(self, region: str, entry: Entry, at_s: float) -> None:
        view = self._views[region]
        seen = view.get((entry.table, entry.key))
        if seen is None or seen.position < entry.position:  # else a later writer's entry came first over another link
            view[entry.table, entry.key] = entry
        if self._on_applied is not None:
            self._on_applied(region, entry, at_s)
