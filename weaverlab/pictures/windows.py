"""The figure "window distribution": which share of readers saw a write within so many milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from weaverlab.observe.drawing import MUTED
from weaverlab.pictures.figures import STRATEGY_NAMES, frame, new_figure, strategy_colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def window_figure(
    windows_ms: Mapping[tuple[str, str], Sequence[float]],
    lags_ms: tuple[float, float] | None = None,
    title: str = "When has a reader looked?",
) -> Figure:
    """Return the cumulative distribution of windows, a step curve for each (strategy, label).

    Labels, such as stores, differ in their dashes. `lags_ms` is shaded: the median and the 95th percentile of the
    replication lag, before which no barrier can end.
    """
    figure, [axes] = new_figure()
    if lags_ms is not None:
        axes.axvspan(*lags_ms, color=MUTED, alpha=0.15, linewidth=0, label="replication lag, p50 to p95")
    labels = list(dict.fromkeys(label for _, label in windows_ms))
    colours = strategy_colours(strategy for strategy, _ in windows_ms)
    for (strategy, label), values in windows_ms.items():
        ordered = sorted(values)
        shares = [100 * (number + 1) / len(ordered) for number in range(len(ordered))]
        name = STRATEGY_NAMES.get(strategy, strategy)
        dashes = ("-", "--", ":", "-.")[labels.index(label) % 4]
        axes.step(ordered, shares, where="post", label=f"{name}, {label}" if label else name, linewidth=1.8,
                  color=colours[strategy], linestyle=dashes)  # fmt: skip
    frame(axes, title, "window: from the write to the end of the read (ms)", "readers (%)")
    axes.set_ylim(0, 104)
    axes.set_xlim(left=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, loc="best")
    return figure
