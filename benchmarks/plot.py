"""The figures as pictures: every system beside every other, every goal beside what was reached. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.goals import GOALS
from benchmarks.summary import Figure, Key, Spread, reached
from benchmarks.table import subject

PANELS = (  # case, what is drawn, unit
    ("tiny", "ratio", "tiny call, x raw"),
    ("1 MiB ndarray", "value", "echo of a 1 MiB array, µs"),
    ("32 callers", "rate", "32 callers, calls/s"),
)
COLOURS = {"pinned": "#1f6f8b", "free": "#e07a1f"}
MET, NOT_MET = "#3a7d44", "#b23a48"


def draw_calls(figures: Mapping[Key, Figure], path: Path) -> None:
    """Draw a panel for each of three cases, with a dot and its quartiles for each system and mode."""
    plot = new_pyplot()
    systems = list(dict.fromkeys(key.system for key in figures if key.suite == "calls"))
    drawn, axes = plot.subplots(1, len(PANELS), figsize=(13, 1.2 + 0.3 * len(systems)), sharey=True)
    for axis, (case, quantity, title) in zip(axes, PANELS, strict=True):
        for offset, (mode, colour) in zip((-0.15, 0.15), COLOURS.items(), strict=True):
            found = [(row, figures.get(Key("calls", mode, system, case))) for row, system in enumerate(systems)]
            dots = [(row + offset, _quantity(figure, quantity)) for row, figure in found if figure]
            _dots(axis, [(row, spread) for row, spread in dots if spread], colour, mode)
        axis.set_title(title)
        _use_log_scale(axis)
    axes[0].set_yticks(range(len(systems)), systems)
    axes[0].invert_yaxis()
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save(plot, drawn, path)


def draw_goals(figures: Mapping[Key, Figure], path: Path) -> None:
    """Draw each goal that was measured: how many times its limit was reached; left of 1 it is met."""
    plot = new_pyplot()
    rows = []
    for goal in GOALS:
        for mode in COLOURS:
            found = reached(goal, mode, figures)
            if found is not None and goal.limit and found.q1 > 0:
                parts = [part / goal.limit if goal.relation == "<=" else goal.limit / part for part in found]
                rows.append((f"{subject(goal)} [{mode}]", Spread(parts[0], min(parts), max(parts))))
    drawn, axis = plot.subplots(figsize=(11, 1.2 + 0.24 * len(rows)))
    for row, (_, share) in enumerate(rows):
        _dots(axis, [(row, share)], MET if share.median <= 1 else NOT_MET, None)
    axis.axvline(1.0, color="black", linewidth=1)
    _use_log_scale(axis)
    axis.set_xlabel("cost as a share of the goal: at 1 or below, it is met")
    axis.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    axis.invert_yaxis()
    save(plot, drawn, path)


def _quantity(figure: Figure, quantity: str) -> Spread | None:
    if quantity == "ratio":
        return figure.ratio
    if quantity == "value":
        return figure.value
    return Spread(*(1e6 / part for part in (figure.value.median, figure.value.q3, figure.value.q1)))


def _dots(axis: Any, dots: list[tuple[float, Spread]], colour: str, label: str | None) -> None:
    xs = [spread.median for _, spread in dots]
    below = [spread.median - spread.q1 for _, spread in dots]
    above = [spread.q3 - spread.median for _, spread in dots]
    rows = [row for row, _ in dots]
    axis.errorbar(xs, rows, xerr=(below, above), fmt="o", markersize=4, color=colour, label=label, elinewidth=1)


def _use_log_scale(axis: Any) -> None:
    """Let equal steps be equal factors, and write 1, 2, 5, 10 as such."""
    from matplotlib.ticker import LogLocator

    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(lambda value, position: f"{value:,g}")
    axis.xaxis.set_minor_formatter(lambda value, position: "")
    axis.grid(axis="x", alpha=0.3)
    axis.tick_params(axis="x", labelrotation=45)


def new_pyplot() -> Any:
    import matplotlib

    matplotlib.use("svg")
    # The same figures give the same file, so that a diff shows what changed.
    matplotlib.rcParams.update({"svg.hashsalt": "weaverlab", "svg.fonttype": "none", "font.size": 9})
    import matplotlib.pyplot as plot

    return plot


def save(plot: Any, drawn: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, bbox_inches="tight")
    plot.close(drawn)
