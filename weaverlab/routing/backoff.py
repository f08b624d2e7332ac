"""How long a caller waits before it repeats a call: exponential, capped, jittered, within the deadline."""

from __future__ import annotations

from dataclasses import dataclass

from weaverlab.clock import Rng


@dataclass(frozen=True)
class Backoff:
    """Delays that double from `first_s` to at most `cap_s`.

    The jitter is "full": a uniform share of the delay, so callers that failed together do not come back
    together. Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    first_s: float = 0.005
    cap_s: float = 0.5

    def pause_s(self, repeats: int, rng: Rng) -> float:
        """Return the pause before repeat number `repeats` (from 1); between 0 and `cap_s`."""
        ceiling = min(self.cap_s, self.first_s * 2.0 ** min(repeats - 1, 30))
        return rng.uniform(0.0, ceiling)
