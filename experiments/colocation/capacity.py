"""The highest rate that each way to run the shop sustained, and the figure of latency and processor time over rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weaverlab.clock import system_rng
from weaverlab.experiment import Results, bootstrap
from weaverlab.observe import text_table
from weaverlab.observe.drawing import BLUE, MUTED, RED, REGION_COLOURS
from weaverlab.pictures.figures import frame, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"colocated": BLUE, "split": REGION_COLOURS[1][1], "lean http": MUTED, "http": RED}
SUSTAINED_P95_MS = 50.0  # above that, requests wait for each other: a page takes a few milliseconds when it is alone
SEED = 1  # of the bootstrap, so that a table is the same whenever it is made
Rows = Sequence[Mapping[str, Any]]


def is_sustained(rows: Rows) -> bool:
    """Tell whether a rate was sustained in most repeats: no request failed, and hardly any had to wait."""
    good = [not row["errors"] and row["latency_ms_p95"] <= SUSTAINED_P95_MS for row in rows]
    return 2 * good.count(True) > len(good)


def sustained_rates(results: Results) -> dict[str, float | None]:
    """Return the highest of the measured rates that each way sustained, all lower ones included; None for none."""
    found: dict[str, float | None] = {}
    failed: set[str] = set()
    for cell, rows in sorted(results.cells().items(), key=lambda item: dict(item[0])["rate"]):
        way, rate = dict(cell)["way"], dict(cell)["rate"]
        found.setdefault(way, None)
        if not is_sustained(rows):
            failed.add(way)
        if way not in failed:
            found[way] = rate
    return found


def sustained_table(results: Results) -> str:
    """Return the highest rate that each way sustained, as text."""
    rows = []
    for way, rate in sustained_rates(results).items():
        is_highest = rate == max(results.where(way=way).values("rate"))
        rows.append((way, "none" if rate is None else f"{rate:g} or more" if is_highest else f"{rate:g}"))
    return text_table(("way", "sustained (visits a second)"), rows)


def capacity_figure(results: Results) -> Figure:
    """Return two panels over the rate: the median latency, on a logarithmic scale, and what a visit costs."""
    figure, [left, right] = new_figure(columns=2)
    for way in (way for way in COLOURS if results.where(way=way).rows):
        cells = {dict(cell)["rate"]: rows for cell, rows in results.where(way=way).cells().items()}
        for axes, column in ((left, "latency_ms_p50"), (right, "cpu_s_per_1000")):
            found = {rate: bootstrap([row[column] for row in rows], system_rng(SEED)) for rate, rows in cells.items()}
            points = [(rate, interval) for rate, interval in found.items() if interval is not None]
            bars = [[one.estimate - one.low for _, one in points], [one.high - one.estimate for _, one in points]]
            rates, values = [rate for rate, _ in points], [one.estimate for _, one in points]
            axes.errorbar(rates, values, yerr=bars, label=way, color=COLOURS[way], marker="o", capsize=3)
    frame(left, "What does it cost to be distributed?", "visits a second", "latency, median (ms)")
    frame(right, "", "visits a second", "processor time of a visit (ms)")
    left.set_yscale("log")
    right.legend(frameon=False, fontsize=9)
    return figure
