"""A workload as data: which requests are to be sent when, and what became of them. Pure; sending is in `load`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from weaverlab.clock import Rng

Arrivals = Literal["fixed", "poisson"]
NUMBER = "{n}"  # stands for the request's number in a body


@dataclass(frozen=True)
class Workload:
    """Requests to `url`, `rate` a second, for `warmup_s` and then `duration_s` seconds.

    url:         where each goes, as `http://host:port/path`
    body:        what each carries, with `{n}` for its number; empty for GET instead of POST
    arrivals:    at equal distances ("fixed"), or independent of each other ("poisson", with chance from `seed`)
    connections: how many may be on their way at once. One that finds none free is sent late and counted from the
                 moment at which it should have been sent.
    timeout_s:   how long one may take
    """

    url: str
    rate: float
    duration_s: float
    body: str = ""
    warmup_s: float = 0.0
    arrivals: Arrivals = "fixed"
    seed: int = 1
    connections: int = 16
    timeout_s: float = 10.0

    @property
    def total_s(self) -> float:
        """How long requests are sent."""
        return self.warmup_s + self.duration_s

    def body_of(self, n: int) -> bytes:
        """Return what request number `n` carries."""
        return self.body.replace(NUMBER, str(n)).encode()

    def is_warmup(self, n: int, times_s: Sequence[float]) -> bool:
        """Tell whether request `n` of a schedule is left out of every figure."""
        return times_s[n] < self.warmup_s


@dataclass(frozen=True)
class Answer:
    """What became of request `n`.

    `latency_ms` counts from the moment at which it should have been sent to the last byte of the answer (or to the
    failure), so a system that holds up its clients cannot look fast. `late_ms` is how much later it really left.
    `status` is 0, and `error` says why, when no answer came.
    """

    n: int
    intended_s: float
    late_ms: float
    latency_ms: float
    status: int
    error: str
    is_warmup: bool

    @property
    def is_ok(self) -> bool:
        """Whether it was answered, and with success."""
        return not self.error

    def to_line(self) -> str:
        """Return this as one line of JSON."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_line(line: str) -> Answer:
        """Read what `to_line` wrote."""
        return Answer(**json.loads(line))


def schedule(workload: Workload, rng: Rng) -> tuple[float, ...]:
    """Return when each request is to be sent, in seconds from the start, ascending, below `total_s`."""
    times_s: list[float] = []
    at_s = 0.0
    while at_s < workload.total_s:
        times_s.append(at_s)
        # Multiplying instead of adding up: a thousand roundings would shift the last request.
        at_s = len(times_s) / workload.rate if workload.arrivals == "fixed" else at_s + rng.expovariate(workload.rate)
    return tuple(times_s)
