"""`experiment run`: see `weaverlab.experiment`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from weaverlab.cli.completing import experiment_names
from weaverlab.cli.endings import FAILED
from weaverlab.cli.words import Number, Verbs

# Faster than any server here answers, and few enough requests to plan: 100,000 of them in ten seconds.
RATE_MAX = 10_000
SECONDS_MAX = 3_600
DELAY_MS_MAX = 60_000
REPEATS_MAX = 1_000

Convert = Callable[[Any, click.Parameter, click.Context], Any]


def listed(option: str, name: str, metavar: str, one: Convert, text: str) -> Callable[[Any], Any]:
    """Return an option for values with commas between them; given several times, its lists are joined."""

    def values(ctx: click.Context, param: click.Parameter, texts: Iterable[str]) -> tuple[Any, ...]:
        parts = (part.strip() for text in texts for part in text.split(","))
        return tuple(dict.fromkeys(one(part, param, ctx) for part in parts))

    return click.option(option, name, metavar=f"{metavar}[,{metavar}...]", multiple=True, callback=values, help=text)


@click.group(cls=Verbs, short_help="Run experiments.")
def experiment() -> None:
    """Run experiments: questions about consistency, answered by measuring."""


@experiment.command("run", short_help="Measure, and write a table and pictures.")
@click.argument("name", shell_complete=experiment_names)
@click.option("--output", type=click.Path(path_type=Path), help="Where results go. [default: results/NAME]")
@click.option("--quick", is_flag=True, help="Fewer requests and repeats: to see it work, not to cite it.")
@click.option("--seed", type=int, default=1, show_default=True, help="Makes chance repeatable.")
@click.option("--seconds", type=Number(0, SECONDS_MAX, min_open=True), help="How long load is sent in each run.")
@click.option("--repeats", type=click.IntRange(1, REPEATS_MAX), help="How often each cell is measured. [default: 5]")
@listed("--store", "stores", "STORE", click.STRING.convert, "Datastores, such as embedded or redis.")
@listed("--rate", "rates", "RATE", Number(0, RATE_MAX, min_open=True).convert, "Requests a second.")
@listed(
    "--delay",
    "delays_ms",
    "MS",
    Number(0, DELAY_MS_MAX).convert,
    "What an application waits before it notifies.",
)
@click.option(
    "--graph", type=click.Path(path_type=Path), help="A social network, from a file with an edge on each line."
)
def experiment_run(name: str, **asked: Any) -> None:
    """Run the experiment in experiments/NAME and write its table and pictures.

    Each combination of stores, rates and delays is measured. An experiment refuses what it has no use for.

    \b
    Examples:
      weaverlab experiment run post_notification
      weaverlab experiment run post_notification --store redis,mariadb --rate 10,100 --repeats 7
      weaverlab experiment run post_notification --quick --output /tmp/results
    """
    from weaverlab import experiment

    results = experiment.run(name, **asked)
    click.echo(results.report())
    if results.failures:
        raise click.exceptions.Exit(FAILED)
