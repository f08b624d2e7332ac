"""What does it cost to have an application in several processes, and what does WeaverLab's data plane save over HTTP?

One shop of ten components, run in four ways (see `ways.py`), under the same open-loop load at several rates. Run by
`weaverlab experiment run colocation`; the question and an answer are in README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from capacity import capacity_figure, sustained_table
from ways import WAYS

from weaverlab.experiment import Answer, Measured, Options, Results, Run, Workload, generate, percentile, sweep
from weaverlab.experiment.sweep import Tell
from weaverlab.pictures import figure_png, figure_svg

# Visits a second: two that all ways have in common, and for each way some around the highest that it sustains.
RATES = {
    "colocated": (100.0, 300.0, 900.0, 1500.0),
    "split": (100.0, 300.0, 600.0, 900.0, 1200.0),
    "lean http": (100.0, 300.0, 600.0, 900.0, 1200.0),
    "http": (100.0, 200.0, 300.0, 400.0),
}
QUICK_RATES = (100.0,)
SECONDS, QUICK_SECONDS = 2.0, 0.3
WARMUP_S = 0.5  # connections are opened and caches filled
CONNECTIONS = 32
TIMEOUT_S = 1.0  # a shop that is asked too much need not answer everything before it is closed
BODY = '{"n": {n}}'

SHOWN = ("latency_ms_p50", "latency_ms_p95", "latency_ms_p99", "cpu_s_per_1000", "answered_per_s")


@dataclass(frozen=True)
class Cell:
    """What is measured: how the shop is run, and visits a second."""

    way: str
    rate: float


def main(options: Options) -> Results:
    """Measure every cell, and write rows, manifest and a picture to `options.output`."""
    options.expect(rates=True)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    asked = options.rates or (QUICK_RATES if options.quick else ())
    rates = asked or sorted({rate for of_way in RATES.values() for rate in of_way})
    cells = [Cell(way, rate) for rate in rates for way in WAYS if asked or rate in RATES[way]]

    def measure_one(run: Run[Cell], tell: Tell) -> Measured:
        return measure(run, seconds)

    results = sweep("colocation", cells, measure_one, options, shown=SHOWN)
    figure = capacity_figure(results)
    (options.output / "capacity.svg").write_text(figure_svg(figure), encoding="utf-8")
    (options.output / "capacity.png").write_bytes(figure_png(figure))
    print(sustained_table(results))
    return results


def measure(run: Run[Cell], duration_s: float) -> Measured:
    """Open the shop, send it visitors, and close it."""
    with WAYS[run.cell.way]() as shop:
        url = f"http://{shop.address}/visits"
        load = Workload(url, run.cell.rate, duration_s, BODY, WARMUP_S, connections=CONNECTIONS, timeout_s=TIMEOUT_S)
        before_s = shop.cpu_s()
        answers = generate(load)
        cpu_s = shop.cpu_s() - before_s
    found = row(answers, cpu_s, duration_s)
    counted = [vars(answer) for answer in answers if not answer.is_warmup]
    return Measured(found, counted, f"{found['answered_per_s']:.0f} of {run.cell.rate:.0f} visits a second")


def row(answers: Sequence[Answer], cpu_s: float, duration_s: float) -> dict[str, Any]:
    """Return numerators, denominators and percentiles; the processor time is that of the warm-up, too."""
    counted = [answer for answer in answers if not answer.is_warmup]
    accepted = [answer for answer in counted if answer.is_ok]
    latency_ms = [answer.latency_ms for answer in accepted]
    last_s = max((answer.intended_s + answer.latency_ms / 1000 for answer in counted), default=0.0)
    return {
        "requests": len(counted),
        "errors": len(counted) - len(accepted),
        **{f"latency_ms_p{p}": percentile(latency_ms, p / 100) for p in (50, 95, 99)},
        "cpu_s_per_1000": 1000 * cpu_s / len(answers),
        "answered_per_s": len(accepted) / max(duration_s, last_s - WARMUP_S),
        "late_ms_max": max((answer.late_ms for answer in counted), default=None),
    }
