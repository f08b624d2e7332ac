"""Which HTTP requests are traced: about one each second, however many come. Not in here: the trace."""

from __future__ import annotations

from weaverlab.clock import Clock, Rng

INTERVAL_S = 1.0


class TraceSampler:
    """Says yes to the first request, and then about once each `INTERVAL_S`.

    The pauses are random, of that mean, so that what happens regularly is not always or never seen. Threads that ask
    in the same moment may all get a yes; that is one trace too many, and no lock. As Service Weaver's sampler does.
    """

    def __init__(self, clock: Clock, rng: Rng) -> None:
        self._clock = clock
        self._rng = rng
        self._next_s = clock.now_s()

    def should_trace(self) -> bool:
        now_s = self._clock.now_s()
        if now_s < self._next_s:
            return False
        self._next_s = now_s + self._rng.uniform(0.0, 2 * INTERVAL_S)
        return True
