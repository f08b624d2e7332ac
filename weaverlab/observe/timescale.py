"""From moments to pixels: a monotone scale that is linear, plus a least distance between different moments.

A request makes ten steps within a millisecond and then waits a hundred for replication. On a linear axis the ten
steps are one smear; on this one they can be told apart, and longer still looks longer. Ticks show the true times.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

_STEP_MAX = 13.0  # pixels given to every step between different moments, as long as there are few
_TICK_DISTANCE_MIN = 34.0
_SAME_MOMENT_S = 2e-6  # closer moments than this are one: clocks of two processes do not tell them apart


class TimeScale:
    """Maps seconds to pixels between `left` and `left + width`."""

    def __init__(self, moments_s: Iterable[float], left: float, width: float) -> None:
        knots: list[float] = []
        for moment_s in sorted(moments_s):
            if not knots or moment_s - knots[-1] > _SAME_MOMENT_S:
                knots.append(moment_s)
        self._knots = knots or [0.0]
        steps = len(self._knots) - 1
        step = min(_STEP_MAX, 0.55 * width / steps) if steps else 0.0
        span_s = self._knots[-1] - self._knots[0]
        self._per_second = (width - step * steps) / span_s if span_s else 0.0
        self._xs = [left + i * step + (knot - self._knots[0]) * self._per_second for i, knot in enumerate(self._knots)]

    @property
    def start_s(self) -> float:
        """The first moment."""
        return self._knots[0]

    @property
    def end_s(self) -> float:
        """The last moment."""
        return self._knots[-1]

    def x(self, moment_s: float) -> float:
        """Return the pixel of `moment_s`; moments outside the scale go to its ends."""
        after = bisect_right(self._knots, moment_s)
        if after == 0:
            return self._xs[0]
        if after == len(self._knots):
            return self._xs[-1]
        low, high = self._knots[after - 1], self._knots[after]
        share = (moment_s - low) / (high - low)
        return self._xs[after - 1] + share * (self._xs[after] - self._xs[after - 1])

    def ticks(self) -> list[tuple[float, str]]:
        """Return (pixel, milliseconds since the start as text): round numbers first, finer ones where there is room."""
        placed: dict[float, str] = {}
        span_ms = (self.end_s - self.start_s) * 1e3
        for step_ms in (1000.0, 500.0, 200.0, 100.0, 50.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1):
            if span_ms / step_ms > 400:
                break
            for i in range(int(span_ms / step_ms + 1e-9) + 1):
                x = self.x(self.start_s + i * step_ms / 1e3)
                if all(abs(x - other) >= _TICK_DISTANCE_MIN for other in placed):
                    placed[x] = f"{i * step_ms:g}"
        return sorted(placed.items())
