"""What HTTP handlers have been asked and have answered: counts by label and host, merged over all their requests.

Which five things are counted, and the buckets, are those of Service Weaver's InstrumentHandler. Counting takes no lock,
for the reason that `metrics` gives. Not in here: HTTP itself (`weaverlab.web`), a clock, and any text format.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

BOUNDS = tuple(digit * 10**power for power in range(10) for digit in (1, 2, 5))  # 1 to 5e9: an hour of µs, 5 GB

# A host is what a client claims in a header, so their number must be bounded; the rest are counted as one.
HOSTS_MAX = 100
HOST_CHARACTERS_MAX = 255  # of a DNS name
OTHER_HOSTS = "other"


class HttpKey(NamedTuple):
    """What is counted together."""

    label: str
    host: str


@dataclass(frozen=True)
class HistogramCounts:
    """How many values lay in each bucket: up to `BOUNDS[i]` and above the one before, the last above all; their sum."""

    buckets: tuple[int, ...]
    total: float


@dataclass(frozen=True)
class HttpCounts:
    """What an `HttpStats` held at one moment; `errors` counts replies by their code, 400 to 599."""

    key: HttpKey
    requests: int
    errors: dict[int, int]
    latency_micros: HistogramCounts
    bytes_received: HistogramCounts
    bytes_returned: HistogramCounts


class Histogram:
    """Values that are not negative, by bucket."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        bucket = bisect_left(BOUNDS, value)
        self.buckets[bucket] += 1
        self.total += value

    def snapshot(self) -> HistogramCounts:
        return HistogramCounts(tuple(self.buckets), self.total)


class HttpStats:
    """The live counts of one label and host. Its attributes may be added to directly."""

    def __init__(self, key: HttpKey) -> None:
        self.key = key
        self.requests = 0
        self.errors: defaultdict[int, int] = defaultdict(int)
        self.latency_micros = Histogram()
        self.bytes_received = Histogram()
        self.bytes_returned = Histogram()

    def snapshot(self) -> HttpCounts:
        """Return the counts so far. A request that ends meanwhile may be counted in part."""
        return HttpCounts(
            self.key,
            self.requests,
            dict(self.errors),
            self.latency_micros.snapshot(),
            self.bytes_received.snapshot(),
            self.bytes_returned.snapshot(),
        )


class HttpMetrics:
    """All `HttpStats` of one process."""

    def __init__(self) -> None:
        self._stats: dict[HttpKey, HttpStats] = {}
        self._hosts: set[str] = set()

    def stats(self, label: str, host: str) -> HttpStats:
        """Return the one `HttpStats` of this label and host, made on first use."""
        key = HttpKey(label, self._known(host[:HOST_CHARACTERS_MAX].lower()))
        return self._stats.setdefault(key, HttpStats(key))  # setdefault is atomic: two threads get the same one

    def snapshot(self) -> tuple[HttpCounts, ...]:
        """Return the counts of every label and host, sorted."""
        return tuple(sorted((stats.snapshot() for stats in list(self._stats.values())), key=lambda counts: counts.key))

    def _known(self, host: str) -> str:
        if host not in self._hosts:
            if len(self._hosts) >= HOSTS_MAX:
                return OTHER_HOSTS
            self._hosts.add(host)
        return host
