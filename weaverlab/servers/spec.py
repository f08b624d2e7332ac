"""What a group of servers shall be, as values; all faults of it at once. Nothing in here starts anything."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from weaverlab.errors import ConfigError, nearest

KindName = Literal["redis", "mariadb", "postgres", "rabbitmq"]
KINDS: tuple[str, ...] = get_args(KindName)

REPLICAS_MAX = 8  # each is a process of its own that copies everything; more than two cores can feed
LAG_MS_MAX = 60_000.0  # above it a measurement of the lag would take minutes


@dataclass(frozen=True)
class Spec:
    """A primary and its replicas, and by how much these are late."""

    kind: KindName
    replicas: int = 1
    lag_ms: float = 0.0
    jitter_ms: float = 0.0

    def check(self) -> None:
        """Raise ConfigError with everything that is wrong."""
        if faults := self.faults():
            raise ConfigError(faults)

    def faults(self) -> list[str]:
        """Return what is wrong, a sentence each."""
        faults = []
        if self.kind not in KINDS:
            hint = nearest(str(self.kind), KINDS)
            faults.append(f"kind {self.kind!r}: there are no servers of this kind.{hint} Known: {', '.join(KINDS)}")
        if type(self.replicas) is not int or not 0 <= self.replicas <= REPLICAS_MAX:
            faults.append(f"replicas {self.replicas!r}: expected a whole number from 0 to {REPLICAS_MAX}")
        times = {"lag_ms": self.lag_ms, "jitter_ms": self.jitter_ms}
        wrong = [name for name, value in times.items() if not _is_time(value)]
        faults += [f"{name} {times[name]!r}: expected milliseconds from 0 to {LAG_MS_MAX:g}" for name in wrong]
        if not wrong and self.jitter_ms > self.lag_ms:
            faults.append(
                f"jitter_ms {self.jitter_ms:g}: the lag lies between lag - jitter and lag + jitter, so the jitter is "
                f"at most the lag, {self.lag_ms:g} ms"
            )
        return faults


def _is_time(value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= LAG_MS_MAX  # type: ignore[operator, arg-type]
