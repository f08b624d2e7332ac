"""Does a follower find what its home timeline shows: the post, its newest text, and all that it refers to?

Store x strategy (nothing; a barrier, but branches that are not joined; a barrier) x rate. Run by `weaverlab experiment
run social_network`; the question and an answer are in README.md.
"""

from __future__ import annotations

from pathlib import Path

from graph import read_edges
from trial import Cell, Trial, configured, measure

from weaverlab.deployers import load_config
from weaverlab.experiment import Measured, Options, Results, Run, Servers, save_figures, sweep
from weaverlab.experiment.sweep import Tell
from weaverlab.observe import callgraph_drawing
from weaverlab.pictures import Picture

CONFIG = Path(__file__).with_name("weaver.toml")

POSTS = ("embedded", "redis", "mariadb", "postgres")
STORES = (*POSTS, *(f"{posts}+rabbitmq" for posts in POSTS))  # with announcements embedded, or in RabbitMQ
# In real stores: a lag, and by how much it differs. weaver.toml says the same of the embedded ones.
LAGS_MS = {"posts": (80.0, 20.0), "announcements": (20.0, 0.0)}
STRATEGIES = ("none", "unjoined", "barrier")  # unjoined: a barrier, but branches whose lineages are not joined
RATES = (20.0,)  # requests a second: each is some sixty calls, in sixteen processes on two processors
SECONDS, QUICK_SECONDS = 4.0, 0.4  # of posts, and again of edits, in each run
WARMUP_S, SERVERS_WARMUP_S = 0.25, 1.5  # connections are opened in it; those to servers cost more

SHOWN = (
    *("not_found/posts", "old_text/edits", "incomplete/outcomes", "window_ms_p50", "window_ms_p95", "latency_ms_p50"),
    *("lineage_bytes_max", "dependencies_max"),
)


def main(options: Options) -> Results:
    """Measure every cell, and write rows, manifest and pictures to `options.output`."""
    options.expect(stores=STORES, rates=True, graph=True)
    if options.graph is not None:
        read_edges(options.graph)  # what is wrong with it is said before anything starts
    config = load_config(CONFIG)
    examples: dict[str, Trial] = {}

    def measure_one(run: Run[Cell], tell: Tell) -> Measured:
        seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
        warmup_s = WARMUP_S if run.cell.store == "embedded" else SERVERS_WARMUP_S
        asked = servers.bind(configured(config, run, options.graph), run.cell.store, LAGS_MS)
        trial = measure(run, asked, seconds, warmup_s, tell)
        examples.setdefault(run.cell.strategy, trial)
        return trial.measured()

    text = CONFIG.read_text(encoding="utf-8")
    with Servers() as servers:
        results = sweep(
            "social_network",
            cells(options),
            measure_one,
            options,
            shown=SHOWN,
            config=text,
            surroundings=servers.facts,
        )
    save_figures(results)
    if "barrier" in examples:
        snapshot = examples["barrier"].snapshot
        Picture(lambda: callgraph_drawing(snapshot)).save(
            options.output / "callgraph.svg", options.output / "callgraph.png"
        )
    return results


def cells(options: Options) -> list[Cell]:
    """Return every combination of what was asked for."""
    return [
        Cell(store, strategy, rate)
        for store in options.stores or STORES[:1]
        for rate in options.rates or RATES
        for strategy in STRATEGIES
    ]
