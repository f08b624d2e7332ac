"""`experiment run`: see `weaverlab.experiment`."""

from __future__ import annotations

from pathlib import Path

import click

from weaverlab.cli.completing import experiment_names

# Faster than any server here answers, and few enough requests to plan: 100,000 of them in ten seconds.
RATE_MAX = 10_000
SECONDS_MAX = 3_600


@click.group(short_help="Run experiments.")
def experiment() -> None:
    """Run experiments: questions about consistency, answered by measuring."""


@experiment.command("run")
@click.argument("name", shell_complete=experiment_names)
@click.option("--output", type=click.Path(path_type=Path), help="Where results go. [default: results/NAME]")
@click.option("--quick", is_flag=True, help="Fewer requests: to see it work, not to cite it.")
@click.option("--seed", type=int, default=1, show_default=True, help="Makes chance repeatable.")
@click.option("--rate", type=click.FloatRange(0, RATE_MAX, min_open=True), help="Requests a second.")
@click.option(
    "--seconds", type=click.FloatRange(0, SECONDS_MAX, min_open=True), help="How long each measurement takes."
)
def experiment_run(
    name: str, output: Path | None, quick: bool, seed: int, rate: float | None, seconds: float | None
) -> None:
    """Run the experiment in experiments/NAME and write its table and pictures.

    \b
    Examples:
      weaverlab experiment run post_notification
      weaverlab experiment run post_notification --quick --output /tmp/results
    """
    from weaverlab import experiment

    experiment.run(name, output=output or Path("results", name), quick=quick, seed=seed, rate=rate, seconds=seconds)
