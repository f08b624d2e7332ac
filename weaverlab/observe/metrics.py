"""Automatic method metrics: one `MethodStats` per (caller, component, method, remote), merged across processes.

Not in here: a clock (whoever times a call passes the seconds), user-defined metrics, and any text format.

Recording is on the path of every call, so a `MethodStats` is a bag of plain attributes. A call inside one process
costs `stats.calls += 1`, and is timed only when that is asked for; a remote call costs one `record(...)`. No lock is
taken: CPython switches threads only at calls and backward jumps, never between the load and the store of one `+=` on
plain integers, so counts stay exact there; on a build without the GIL a count may be lost.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

# Four buckets per octave from 1 µs to 134 s: a quantile is off by at most 19 %, in practice by a few per cent.
_FIRST_BOUND_S = 1e-6
_PER_OCTAVE = 4
BOUNDS_S = tuple(_FIRST_BOUND_S * 2 ** (i / _PER_OCTAVE) for i in range(27 * _PER_OCTAVE + 1))


class MethodKey(NamedTuple):
    """What is counted together."""

    caller: str
    component: str
    method: str
    remote: bool


@dataclass(frozen=True)
class MethodCounts:
    """What a `MethodStats` held at one moment; adds up with its like from other processes."""

    key: MethodKey
    calls: int
    errors: int
    retries: int
    request_bytes: int
    reply_bytes: int
    lineage_bytes: int
    timed_s: float
    buckets: tuple[int, ...]

    def __add__(self, other: MethodCounts) -> MethodCounts:
        """Return the sum under the left operand's key."""
        return MethodCounts(
            self.key,
            self.calls + other.calls,
            self.errors + other.errors,
            self.retries + other.retries,
            self.request_bytes + other.request_bytes,
            self.reply_bytes + other.reply_bytes,
            self.lineage_bytes + other.lineage_bytes,
            self.timed_s + other.timed_s,
            tuple(a + b for a, b in zip(self.buckets, other.buckets, strict=True)),
        )

    def quantile_s(self, share: float) -> float | None:
        """Return an estimate of the latency that `share` (0 to 1) of the timed calls do not exceed.

        Linear inside the bucket that holds the quantile. None when no call was timed.
        """
        timed = sum(self.buckets)
        if not timed:
            return None
        rank, seen = share * timed, 0
        for index, here in enumerate(self.buckets):
            if here and seen + here >= rank:
                low = BOUNDS_S[index - 1] if index else 0.0
                high = BOUNDS_S[min(index, len(BOUNDS_S) - 1)]
                return low + (high - low) * max(rank - seen, 0.0) / here
            seen += here
        return BOUNDS_S[-1]  # only by rounding of `rank`

    @property
    def p50_s(self) -> float | None:
        """The median latency, None when no call was timed."""
        return self.quantile_s(0.50)

    @property
    def p95_s(self) -> float | None:
        """The 95th percentile of the latency, None when no call was timed."""
        return self.quantile_s(0.95)


class MethodStats:
    """The live counts of one method as one caller uses it. Its attributes may be incremented directly."""

    __slots__ = (
        "buckets",
        "calls",
        "errors",
        "key",
        "lineage_bytes",
        "reply_bytes",
        "request_bytes",
        "retries",
        "timed_s",
    )

    def __init__(self, key: MethodKey) -> None:
        self.key = key
        self.calls = 0
        self.errors = 0
        self.retries = 0
        self.request_bytes = 0
        self.reply_bytes = 0
        self.lineage_bytes = 0
        self.timed_s = 0.0
        self.buckets = [0] * (len(BOUNDS_S) + 1)

    def record(
        self,
        latency_s: float,
        ok: bool = True,
        request_bytes: int = 0,
        reply_bytes: int = 0,
        lineage_bytes: int = 0,
    ) -> None:
        """Count one call that took `latency_s`, its retries included; `ok` is false when it raised."""
        self.buckets[bisect_left(BOUNDS_S, latency_s)] += 1
        self.calls += 1
        self.timed_s += latency_s
        self.request_bytes += request_bytes
        self.reply_bytes += reply_bytes
        if not ok:
            self.errors += 1
        if lineage_bytes:
            self.lineage_bytes += lineage_bytes

    def snapshot(self) -> MethodCounts:
        """Return the counts so far. A call recorded meanwhile may be counted in part."""
        return MethodCounts(
            self.key,
            self.calls,
            self.errors,
            self.retries,
            self.request_bytes,
            self.reply_bytes,
            self.lineage_bytes,
            self.timed_s,
            tuple(self.buckets),
        )


class MethodMetrics:
    """All `MethodStats` of one process."""

    def __init__(self) -> None:
        self._stats: dict[MethodKey, MethodStats] = {}

    def stats(self, caller: str, component: str, method: str, remote: bool) -> MethodStats:
        """Return the one `MethodStats` of this key, made on first use; look it up once and keep it."""
        key = MethodKey(caller, component, method, remote)
        return self._stats.setdefault(key, MethodStats(key))  # setdefault is atomic: two threads get the same one

    def snapshot(self) -> tuple[MethodCounts, ...]:
        """Return the counts of every method that was called, sorted by key."""
        return merge(stats.snapshot() for stats in list(self._stats.values()) if stats.calls)


def merge(counts: Iterable[MethodCounts]) -> tuple[MethodCounts, ...]:
    """Return one `MethodCounts` for each key, sorted by key; order of the input does not matter."""
    by_key: dict[MethodKey, MethodCounts] = {}
    for one in counts:
        known = by_key.get(one.key)
        by_key[one.key] = known + one if known else one
    return tuple(by_key[key] for key in sorted(by_key))
