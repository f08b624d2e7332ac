"""A share of yes among many, with the interval that honest figures show."""

from __future__ import annotations

import math

_Z_95 = 1.959964  # the normal distribution's 97.5th percentile


def wilson(hits: int, trials: int, z: float = _Z_95) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion, as (low, high) between 0 and 1; (0, 1) without trials.

    Unlike the textbook's normal interval it is right near 0 and 1, where a consistency experiment lives: no
    violation among 100 requests means "at most 3.7 %", not "never".

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    """
    if trials <= 0:
        return 0.0, 1.0
    share, z2 = hits / trials, z * z
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = z / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials))
    low = 0.0 if hits <= 0 else max(centre - half, 0.0)
    high = 1.0 if hits >= trials else min(centre + half, 1.0)
    return low, high
