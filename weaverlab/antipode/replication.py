r"""One store's replication between regions: a log per origin, carried to every other region over a lagging link.

    log of eu      1 ------ 2 ------------- 4 --->
                    \        \               \         one link to each other region: first in, first out
    applied in us    1        2     3         4        3 was written in us, so it is visible there at once

Positions come from one counter per store, so they also order writes of different origins: the last writer wins
by position, whatever arrives first. All arrival times are known when a write is made, which is why nothing
here ever polls. What applying an entry does is the business of `embedded` and `queue`; waiting is the shells'.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weaverlab.antipode.lineage import Dependency
from weaverlab.errors import StoreError, nearest

if TYPE_CHECKING:
    from weaverlab.clock import Rng
    from weaverlab.config import Lag


class Entry(NamedTuple):
    """One write in a log; `value` is None for a delete. `trace` is opaque: whose request this write belongs to."""

    position: int
    origin: str
    table: str
    key: str
    value: bytes | None
    lineage: bytes
    trace: bytes


Applied = Callable[[str, Entry, float], None]  # (region, entry, at_s)


def delay_s(lag: Lag, rng: Rng) -> float:
    """Return one replication delay in seconds, drawn from `lag` (which is in milliseconds); never negative."""
    if lag.kind == "constant":
        lag_ms = lag.a
    elif lag.kind == "uniform":
        lag_ms = rng.uniform(lag.a, lag.b)
    elif lag.kind == "normal":
        lag_ms = rng.gauss(lag.a, lag.b)
    else:
        lag_ms = rng.expovariate(1 / lag.a) if lag.a > 0 else 0.0
    return max(0.0, lag_ms) / 1000


class Replication:
    """The logs and links of one store. O(log n) per write and region, n being the entries under way."""

    def __init__(
        self, store: str, regions: Sequence[str], lag: Callable[[str, str], Lag], rng: Rng, on_applied: Applied
    ) -> None:
        self.store = store
        self.regions = tuple(regions)
        self._lag = lag
        self._rng = rng
        self._on_applied = on_applied
        self._last_position = 0
        self._applied = {(region, origin): 0 for region in regions for origin in regions}
        self._last_arrival_s = dict.fromkeys(self._applied, -math.inf)
        self._under_way: dict[tuple[str, str], deque[tuple[int, float]]] = {link: deque() for link in self._applied}
        self._arrivals: list[tuple[float, int, str, Entry]] = []  # a heap: what is applied next, and where

    def check_region(self, region: str) -> None:
        """Raise StoreError when this store has no replica in `region`."""
        if region not in self.regions:
            raise StoreError(
                f"store {self.store!r} has no replica in region {region!r}; it has: {', '.join(self.regions)}."
                f"{nearest(region, self.regions)} Place the component with [regions], or add the region to "
                f"[antipode.{self.store}]."
            )

    def append(
        self, origin: str, table: str, key: str, value: bytes | None, lineage: bytes, trace: bytes, now_s: float
    ) -> tuple[Entry, dict[str, float]]:
        """Write at the end of `origin`'s log; return the entry and when it arrives in every region.

        It is applied at its origin before this returns, so a region reads its own writes.
        """
        self.check_region(origin)
        self.advance(now_s)
        self._last_position += 1
        entry = Entry(self._last_position, origin, table, key, value, lineage, trace)
        arrivals_s = {origin: now_s}
        self._apply(origin, entry, now_s)
        for region in self.regions:
            if region != origin:
                arrivals_s[region] = self._send(entry, region, now_s)
        return entry, arrivals_s

    def advance(self, now_s: float) -> None:
        """Apply everything that has arrived by `now_s`, in order of arrival."""
        while self._arrivals and self._arrivals[0][0] <= now_s:
            at_s, _, region, entry = heapq.heappop(self._arrivals)
            self._under_way[region, entry.origin].popleft()
            self._apply(region, entry, at_s)

    def applied(self, region: str, origin: str, now_s: float) -> int:
        """Return the last position of `origin`'s log that `region` has applied; 0 for none. Never decreases."""
        self.advance(now_s)
        return self._applied.get((region, origin), 0)

    def visible_at_s(self, dependency: Dependency, region: str) -> float | None:
        """Return when `region` will have applied `dependency`; -inf if it has, None if it is not written yet."""
        if self._applied.get((region, dependency.scope), -1) >= dependency.version:
            return -math.inf
        under_way = self._under_way.get((region, dependency.scope), ())
        at = bisect_left(under_way, dependency.version, key=lambda sent: sent[0])
        return under_way[at][1] if at < len(under_way) else None

    def next_change_s(self) -> float | None:
        """Return when the next entry arrives anywhere; None when nothing is under way."""
        return self._arrivals[0][0] if self._arrivals else None

    def _send(self, entry: Entry, region: str, now_s: float) -> float:
        link = region, entry.origin
        sampled_s = now_s + delay_s(self._lag(entry.origin, region), self._rng)
        arrival_s = self._last_arrival_s[link] = max(sampled_s, self._last_arrival_s[link])  # nobody overtakes
        self._under_way[link].append((entry.position, arrival_s))
        heapq.heappush(self._arrivals, (arrival_s, entry.position, region, entry))
        return arrival_s

    def _apply(self, region: str, entry: Entry, at_s: float) -> None:
        self._applied[region, entry.origin] = entry.position
        self._on_applied(region, entry, at_s)
