"""The lag of replication, measured: numbers are written at the primary, and seen at the replicas some time later."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass

from weaverlab.clock import SystemClock
from weaverlab.errors import ServerError
from weaverlab.servers.kind import Heartbeat

BEATS = 11
BEAT_EVERY_S = 0.012
LOOK_EVERY_S = 0.0002
PATIENCE_S = 30.0  # beyond the lag that was asked for; a busy machine is slow, but not that slow

_numbers = itertools.count(1)


@dataclass(frozen=True)
class MeasuredLag:
    """How long writes took from the primary's acknowledgement until they were visible at a replica, in ms."""

    median_ms: float
    min_ms: float
    max_ms: float
    samples: int

    def __str__(self) -> str:
        return f"{self.median_ms:.1f} ms ({self.min_ms:.1f} to {self.max_ms:.1f}, {self.samples} heartbeats)"


def measure(heartbeat: Heartbeat, replicas: int, lag_ms: float, beats: int) -> MeasuredLag:
    """Return the lag over all replicas. Takes the lag itself and 12 ms a beat, as beats do not wait for each other.

    Raises:
        ServerError: a replica has not shown them `PATIENCE_S` after the time.
    """
    now_s = SystemClock.now_s
    numbers = [next(_numbers) for _ in range(beats)]
    written: dict[int, float] = {}
    late_ms: list[float] = []
    newest = [numbers[0] - 1] * replicas
    begin_s = now_s()
    while len(late_ms) < beats * replicas:
        if len(written) < beats and now_s() >= begin_s + len(written) * BEAT_EVERY_S:
            number = numbers[len(written)]
            heartbeat.write(number)
            written[number] = now_s()
        for replica in range(replicas):
            seen = heartbeat.seen(replica)
            late_ms += [(now_s() - written[number]) * 1000 for number in range(newest[replica] + 1, seen + 1)]
            newest[replica] = max(newest[replica], seen)
        if now_s() > begin_s + lag_ms / 1000 + PATIENCE_S:
            raise ServerError(
                f"replicas show {len(late_ms)} of {beats * replicas} heartbeats {PATIENCE_S:g} s after they were due. "
                "Is a server overloaded, or has it stopped?"
            )
        SystemClock.sleep(LOOK_EVERY_S)
    return MeasuredLag(statistics.median(late_ms), min(late_ms), max(late_ms), len(late_ms))
