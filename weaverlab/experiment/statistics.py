"""The few figures that an experiment's table shows. Pure; intervals of shares are in `weaverlab.observe.proportion`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import NamedTuple

from weaverlab.clock import Rng
from weaverlab.observe import wilson

RESAMPLES = 2000  # the ends of an interval then move by less than its tenth from seed to seed


class Interval(NamedTuple):
    """An estimate, and the interval that holds what it estimates, at a level that the maker names (95 %, say)."""

    estimate: float
    low: float
    high: float

    def text(self, decimals: int = 1) -> str:
        """Return `"21.5 (21.3 to 22.0)"`."""
        return f"{self.estimate:.{decimals}f} ({self.low:.{decimals}f} to {self.high:.{decimals}f})"


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


def bootstrap(
    values: Sequence[float],
    rng: Rng,
    statistic: Callable[[Sequence[float]], float] = median,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """Return `statistic` of independent `values` with its percentile bootstrap interval; None when there are none.

    The values are drawn again, with replacement, `resamples` times; the interval holds the middle `level` of what
    the statistic then is. For the median of five values that is from the least to the greatest of them, which holds
    the true median in 1 - 2 / 2**5 = 93.75 % of all cases whatever the distribution. For means of so few values
    it is too narrow (84 % for five normal ones). O(n * resamples).

    Source: B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979).
    """
    if not values:
        return None
    count = len(values)
    drawn = [statistic([values[int(rng.random() * count)] for _ in range(count)]) for _ in range(resamples)]
    low, high = (percentile(drawn, share) for share in ((1 - level) / 2, (1 + level) / 2))
    assert low is not None and high is not None
    return Interval(statistic(values), low, high)


def proportion_text(hits: int, trials: int) -> str:
    """Return a share as it should be shown: `"12/400 = 3.0 % (1.7 to 5.2)"`, with its 95 % interval in per cent."""
    if trials == 0:
        return "0/0"
    low, high = wilson(hits, trials)
    return f"{hits}/{trials} = {100 * hits / trials:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
