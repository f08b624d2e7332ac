"""How often does a reader miss the post that it was told about, and what does it cost not to?

Three strategies (nothing, a sleep that is long enough, a barrier), and a sweep over sleeps that are not long enough.
Each is measured on a deployment of its own. Run by `weaverlab experiment run post_notification`; the question and an
answer are in README.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trial import Measured, Trial, measure

from weaverlab.deployers import load_config, load_main
from weaverlab.experiment import Answer, Options, manifest, proportion_text, write_csv, write_json
from weaverlab.history import Event, Waited
from weaverlab.observe import callgraph_drawing, is_violation, requests, text_table
from weaverlab.pictures import Picture, ViolationPoint, figure_png, figure_svg, violation_curve

TOP = Path(__file__).parents[2]
CONFIG = TOP / "weaver.toml"

RATE = 40.0  # requests a second; eleven processes share two processors with the load generator
SECONDS, QUICK_SECONDS = 10.0, 2.5  # of each strategy; a point of the sweep gets a quarter
WARMUP_S, QUICK_WARMUP_S = 0.5, 0.25  # connections are opened and caches filled in the first few requests

# A sleeper does not know how long its notification took, so only the post's whole lag is safe: 100 ms at most,
# and 10 ms for the time that writes and calls take. It is safe for as long as nobody changes the lag.
SAFE_SLEEP_MS = 110.0
SWEEP_MS, QUICK_SWEEP_MS = (40.0, 50.0, 60.0, 70.0, 80.0, 100.0), (40.0, 60.0, 80.0)


def main(options: Options) -> None:
    """Measure, print one table on standard output, and write rows, manifest and pictures to `options.output`."""
    config = load_config(CONFIG)
    app = load_main(TOP / config.weaverlab.app)
    rate = options.rate or RATE
    warmup_s = QUICK_WARMUP_S if options.quick else WARMUP_S
    planned = trials(options)
    seconds = {trial.name: trial.duration_s for trial in planned}
    asked = {"seed": options.seed, "quick": options.quick, "rate": rate, "warmup_s": warmup_s, "seconds": seconds}
    about = manifest("post_notification", asked, CONFIG.read_text(encoding="utf-8"))

    measured = []
    for number, trial in enumerate(planned, 1):
        progress = Progress(f"{number}/{len(planned)} {trial.name}", int(rate * (trial.duration_s + warmup_s)))
        measured.append(measure(trial, app, config, rate, warmup_s, options.seed, progress.one_more))
        progress.done(measured[-1])

    strategies, sweep = measured[:3], measured[3:]
    print(table(strategies))
    print(faults_text(measured))
    write_results(options.output, measured, about)
    draw(options.output, strategies, sweep)
    print(f"Rows and pictures are in {options.output}/.")


def trials(options: Options) -> list[Trial]:
    """Return what is to be measured: the three strategies of the table, then the points of the sweep."""
    duration_s = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    strategies = [
        Trial("no barrier", "none", duration_s),
        Trial(f"sleep {SAFE_SLEEP_MS:.0f} ms", "sleep", duration_s, SAFE_SLEEP_MS),
        Trial("barrier", "barrier", duration_s),
    ]
    delays_ms = QUICK_SWEEP_MS if options.quick else SWEEP_MS
    return strategies + [Trial(f"sleep {ms:.0f} ms", "sleep", duration_s / 4, ms) for ms in delays_ms]


def table(strategies: Sequence[Measured]) -> str:
    """Return the table of the experiment; times in milliseconds."""
    headers = (
        *("strategy", "requests", "violations (95 % interval)", "window p50", "window p95"),
        *("client p50", "client p95", "lineage bytes"),
    )
    return text_table(headers, [_table_row(one) for one in strategies])


def _table_row(one: Measured) -> list[object]:
    row = one.row()
    times = ("window_ms_p50", "window_ms_p95", "latency_ms_p50", "latency_ms_p95")
    shown = [None if row[name] is None else f"{row[name]:.1f} ms" for name in times]
    return [
        one.trial.name,
        row["requests"],
        proportion_text(one.violations, len(one.seen)),
        *shown,
        row["lineage_bytes_max"],
    ]


def faults_text(measured: Sequence[Measured]) -> str:
    """Return what is missing from the figures: a request that failed or a post whose outcome did not come."""
    rows = [one.row() for one in measured]
    failed, missing = (sum(int(str(row[name])) for row in rows) for name in ("errors", "missing_outcomes"))
    total = sum(len(one.answers) for one in measured)
    return f"Of {total} requests, {failed} failed and {missing} have no outcome; none of these is in a share above."


def write_results(output: Path, measured: Sequence[Measured], about: dict[str, Any]) -> None:
    """Write trials as results.csv and, with the manifest, results.json; requests as requests.csv."""
    rows = [one.row() for one in measured]
    write_csv(output / "results.csv", rows)
    write_json(output / "results.json", {"manifest": about, "rows": rows})
    write_csv(output / "requests.csv", [row for one in measured for row in one.request_rows()])


def draw(output: Path, strategies: Sequence[Measured], sweep: Sequence[Measured]) -> None:
    """Draw the curve, the call graph, and one request in which the post was missed and one in which it was not."""
    none, _, barrier = strategies
    figure = violation_curve([_point(one) for one in [*strategies, *sweep] if one.seen])
    (output / "curve.png").write_bytes(figure_png(figure))
    (output / "curve.svg").write_text(figure_svg(figure), encoding="utf-8")
    Picture(lambda: callgraph_drawing(barrier.snapshot)).save(output / "callgraph.svg", output / "callgraph.png")
    for name, one, violated in (("lineage_violated", none, True), ("lineage_healthy", barrier, False)):
        request = typical_request(one.deployment.events(), violated)
        if request is not None:
            one.deployment.lineage(request).save(output / f"{name}.svg", output / f"{name}.png")


def _point(one: Measured) -> ViolationPoint:
    is_barrier = one.trial.strategy == "barrier"
    delay_ms = one.row()["waited_ms_p50"] if is_barrier else one.trial.sleep_ms
    return ViolationPoint(float(str(delay_ms)), one.violations, len(one.seen), is_barrier)


def typical_request(events: Sequence[Event], violated: bool) -> str | None:
    """Return the trace id of the request with the median length among those that are, or are not, violated."""
    complete = {
        request: its_events[-1].at_s - its_events[0].at_s
        for request, its_events in requests(events).items()
        if is_violation(its_events) == violated and (violated or any(isinstance(e, Waited) for e in its_events))
    }
    by_length = sorted(complete, key=lambda request: complete[request])
    return by_length[len(by_length) // 2] if by_length else None


class Progress:
    """Says on standard error how far a trial has come; on a terminal, with each answer."""

    def __init__(self, title: str, expected: int) -> None:
        self._title = title
        self._expected = expected
        self._answers = 0
        self._started_s = time.monotonic()
        self._is_live = sys.stderr.isatty()

    def one_more(self, answer: Answer) -> None:
        self._answers += 1
        if self._is_live:
            print(f"\r{self._title}: {self._answers} of {self._expected}", end="", file=sys.stderr, flush=True)

    def done(self, measured: Measured) -> None:
        share = f"{measured.violations} of {len(measured.seen)} reads missed their post"
        start = "\r" if self._is_live else ""
        print(f"{start}{self._title}: {share}, {time.monotonic() - self._started_s:.1f} s", file=sys.stderr, flush=True)
