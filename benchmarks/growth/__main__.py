"""How the cost of a call grows with callers, replicas, bytes, and what else there is more and more of."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import click

from benchmarks.growth import page as pages
from benchmarks.growth.sweeps import SWEEPS
from benchmarks.plan import US, Job
from benchmarks.report import is_busy
from benchmarks.rounds import run_rounds
from weaverlab.experiment import manifest, write_json

ROUNDS = 5  # fewer say nothing about the next run
QUICK_ROUNDS = 1
NAMES = tuple(sweep.name for sweep in SWEEPS)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(help=__doc__)
@click.argument("sweeps", nargs=-1, type=click.Choice(NAMES))
@click.option("--quick", "is_quick", is_flag=True, help="One round with few points: under a minute, for trying only.")
@click.option("--rounds", type=click.IntRange(1), help=f"Fresh processes each; {ROUNDS}, or {QUICK_ROUNDS} if quick.")
@click.option("--read", type=FILE, help="Measure nothing: take what --json wrote.")
@click.option("--json", "json_file", type=FILE, help="Write everything there: manifest and raw numbers.")
@click.option("--page", type=FILE, help="Put tables and the picture into this page of the docs.")
def main(
    sweeps: tuple[str, ...],
    is_quick: bool,
    rounds: int | None,
    read: Path | None,
    json_file: Path | None,
    page: Path | None,
) -> None:
    found = json.loads(read.read_text()) if read else measure(sweeps or NAMES, is_quick, rounds)
    click.echo(pages.text(found))
    if json_file:
        write_json(json_file, found)
    if page:
        pages.write(found, page)


def measure(names: tuple[str, ...], is_quick: bool, rounds: int | None) -> dict[str, Any]:
    """Run the rounds and return the report: the same as that of the other benchmarks."""

    def say(line: str) -> None:
        click.echo(line, err=True)

    count = rounds or (QUICK_ROUNDS if is_quick else ROUNDS)
    options = {"sweeps": names, "is_quick": is_quick, "rounds": count}
    found: dict[str, Any] = {"manifest": manifest("growth", options, config="")}
    if is_busy(found):
        say("the machine is busy with other programs; these figures are for trying only")
    found["manifest"]["versions"]["numpy"] = metadata.version("numpy")
    found["rounds"] = run_rounds(jobs(names, is_quick), count, say)
    return found


def jobs(names: tuple[str, ...], is_quick: bool) -> list[Job]:
    """Return a round of each sweep: its cases are the points."""
    return [
        Job(
            f"growth.{sweep.name}",
            sweep.mode,
            US,
            systems=(),
            cases=tuple(map(str, sweep.quick if is_quick else sweep.points)),
            blocks=3,
            block_s=0.005 if is_quick else 0.02,
        )
        for sweep in SWEEPS
        if sweep.name in names
    ]


if __name__ == "__main__":
    main()
