"""The few figures that an experiment's table shows. Pure; intervals of shares are in `weaverlab.observe.proportion`."""

from __future__ import annotations

from collections.abc import Iterable

from weaverlab.observe import wilson


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return the value that `share` (0 to 1) of `values` do not exceed; None when there are none.

    Between two values it is interpolated linearly, as numpy does by default. O(n log n).
    """
    if not 0 <= share <= 1:
        raise ValueError(f"percentile(share={share!r}): expected a share between 0 and 1, such as 0.95.")
    ordered = sorted(values)
    if not ordered:
        return None
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def proportion_text(hits: int, trials: int) -> str:
    """Return a share as it should be shown: `"12/400 = 3.0 % (1.7 to 5.2)"`, with its 95 % interval in per cent."""
    if trials == 0:
        return "0/0"
    low, high = wilson(hits, trials)
    return f"{hits}/{trials} = {100 * hits / trials:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
