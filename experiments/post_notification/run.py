"""How often does a reader miss the post that it was told about, and what does it cost not to?

Store x strategy (nothing, a sleep that is long enough, a barrier) x rate x the delay that the writer adds between its
two writes. Run by `weaverlab experiment run post_notification`; the question and an answer are in README.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trial import Cell, Trial, measure

from weaverlab.deployers import load_config
from weaverlab.experiment import Measured, Options, Results, Run, Servers, save_figures, sweep
from weaverlab.experiment.sweep import Tell
from weaverlab.history import Event, Waited
from weaverlab.observe import callgraph_drawing, is_violation, requests
from weaverlab.pictures import Picture

CONFIG = Path(__file__).parents[2] / "weaver.toml"

POSTS = ("embedded", "redis", "mariadb", "postgres")
STORES = (*POSTS, *(f"{posts}+rabbitmq" for posts in POSTS))  # with notifications embedded, or in RabbitMQ
# In real stores: a lag, and by how much it differs. weaver.toml says the same of the embedded ones.
LAGS_MS = {"posts": (80.0, 20.0), "notifications": (20.0, 0.0)}
STRATEGIES = ("none", "sleep", "barrier")
RATES = (40.0,)  # requests a second; eleven processes share two processors with the load generator
SECONDS, QUICK_SECONDS = 2.0, 0.5  # of load in each run
WARMUP_S, SERVERS_WARMUP_S = 0.25, 1.5  # connections are opened in it; those to servers cost more

# A sleeper does not know how long its notification took, so only the post's whole lag is safe: 100 ms at most,
# and 10 ms for the time that writes and calls take. It is safe for as long as nobody changes the lag.
SAFE_SLEEP_MS = 110.0
DELAYS_MS, QUICK_DELAYS_MS = (0.0, 40.0, 50.0, 60.0, 70.0, 80.0, 100.0), (0.0, 60.0)

SHOWN = ("violations/outcomes", "window_ms_p50", "window_ms_p95", "latency_ms_p50", "lineage_bytes_max")


def main(options: Options) -> Results:
    """Measure every cell, and write rows, manifest and pictures to `options.output`."""
    options.expect(stores=STORES, rates=True, delays=True)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    config, text = load_config(CONFIG), CONFIG.read_text(encoding="utf-8")
    examples: dict[str, Trial] = {}

    def measure_one(run: Run[Cell], tell: Tell) -> Measured:
        warmup_s = WARMUP_S if run.cell.store == "embedded" else SERVERS_WARMUP_S
        trial = measure(run, servers.bind(config, run.cell.store, LAGS_MS), seconds, warmup_s, SAFE_SLEEP_MS, tell)
        if run.cell.delay_ms == 0:
            examples.setdefault(run.cell.strategy, trial)
        return trial.measured()

    with Servers() as servers:
        results = sweep(
            "post_notification",
            cells(options),
            measure_one,
            options,
            shown=SHOWN,
            config=text,
            surroundings=servers.facts,
        )
    save_figures(results)
    draw_examples(options.output, examples)
    return results


def cells(options: Options) -> list[Cell]:
    """Return every combination of what was asked for. Without delays asked for, no barrier has the whole curve of them.

    That curve says how long is long enough; sleepers and barriers have nothing to gain from a delay.
    """
    stores, rates = options.stores or STORES[:1], options.rates or RATES
    curve = QUICK_DELAYS_MS if options.quick else DELAYS_MS
    delays_ms = {strategy: options.delays_ms or (curve if strategy == "none" else (0.0,)) for strategy in STRATEGIES}
    return [
        Cell(store, strategy, rate, delay_ms)
        for store in stores
        for rate in rates
        for strategy in STRATEGIES
        for delay_ms in delays_ms[strategy]
    ]


def draw_examples(output: Path, examples: dict[str, Trial]) -> None:
    """Draw the call graph, and one request in which the post was missed and one in which it was not."""
    if "barrier" in examples:
        snapshot = examples["barrier"].snapshot
        Picture(lambda: callgraph_drawing(snapshot)).save(output / "callgraph.svg", output / "callgraph.png")
    for name, strategy, violated in (("lineage_violated", "none", True), ("lineage_healthy", "barrier", False)):
        if strategy in examples:
            deployment = examples[strategy].deployment
            request = typical_request(deployment.events(), violated)
            if request is not None:
                deployment.lineage(request).save(output / f"{name}.svg", output / f"{name}.png")


def typical_request(events: Sequence[Event], violated: bool) -> str | None:
    """Return the trace id of the request with the median length among those that are, or are not, violated."""
    complete = {
        request: its_events[-1].at_s - its_events[0].at_s
        for request, its_events in requests(events).items()
        if is_violation(its_events) == violated and (violated or any(isinstance(e, Waited) for e in its_events))
    }
    by_length = sorted(complete, key=lambda request: complete[request])
    return by_length[len(by_length) // 2] if by_length else None
