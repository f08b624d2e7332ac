"""Once a cancellation has returned, is the money back, for whoever asks in another region?

What a cancellation waits for (nothing; a barrier that forgets the refund's branch; a barrier for it, at the end of the
cancellation or at the reader) x rate. Run by `weaverlab experiment run train_ticket`; an answer is in README.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from cancel import Strategy
from trial import Cell, measure

from weaverlab.deployers import load_config
from weaverlab.experiment import Measured, Options, Results, Run, save_figures, sweep
from weaverlab.experiment.sweep import Tell

CONFIG = Path(__file__).with_name("weaver.toml")

STORES = ("embedded",)
RATES = (40.0,)  # cancellations a second
SECONDS, QUICK_SECONDS = 4.0, 0.5  # of cancellations in each run
WARMUP_S = 0.25

SHOWN = ("violations/outcomes", "stale/outcomes", "latency_ms_p50", "enquiry_ms_p50", "window_ms_p50", "window_ms_p95")


def main(options: Options) -> Results:
    """Measure every cell, and write rows, manifest and pictures to `options.output`."""
    options.expect(stores=STORES, rates=True)
    config = load_config(CONFIG)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)

    def measure_one(run: Run[Cell], tell: Tell) -> Measured:
        return measure(run, config, seconds, WARMUP_S)

    text = CONFIG.read_text(encoding="utf-8")
    results = sweep("train_ticket", cells(options), measure_one, options, shown=SHOWN, config=text)
    save_figures(results)
    return results


def cells(options: Options) -> list[Cell]:
    """Return every combination of what was asked for."""
    return [
        Cell(store, strategy, rate)
        for store in options.stores or STORES[:1]
        for rate in options.rates or RATES
        for strategy in get_args(Strategy)
    ]
