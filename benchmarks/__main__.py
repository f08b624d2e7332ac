"""The data plane measured: `python -m benchmarks`, of which `make bench` and its sisters are short forms."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks import check, plot, report
from benchmarks.cases import CASES, SYSTEMS
from benchmarks.plan import SUITES, US, Asked, Mode
from benchmarks.rounds import run_rounds
from benchmarks.summary import Figure, Key, summarise
from weaverlab.experiment import write_json

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(help=__doc__)
@click.argument("suites", nargs=-1, type=click.Choice(list(SUITES)))
@click.option("--quick", "is_quick", is_flag=True, help="Short blocks, no 16 MiB, of the peers the standard library's.")
@click.option(
    "--rounds", default=report.ROUNDS_MIN, show_default=True, type=click.IntRange(1), help="Fresh processes each."
)
@click.option(
    "--pin/--free", "is_pinned", default=None, help="One CPU for all, or no such limit; without either, both."
)
@click.option(
    "--case", "cases", multiple=True, type=click.Choice([case.name for case in CASES]), help="These calls only."
)
@click.option("--system", "systems", multiple=True, type=click.Choice(list(SYSTEMS)), help="These, and the raw limits.")
@click.option("--read", type=FILE, help="Measure nothing: take what --json wrote.")
@click.option("--json", "json_file", type=FILE, help="Write everything there: manifest and raw numbers.")
@click.option("--plot", "plot_file", type=FILE, help="Draw the calls there (.svg, .png, .pdf).")
@click.option("--page", type=FILE, help="Put tables and pictures into this page of the docs.")
@click.option("--save-baseline", type=FILE, help="Store the ratios for a later --check.")
@click.option(
    "--check", "baseline", type=FILE, help="Compare the ratios with a stored baseline; exit 1 if one is worse."
)
def main(
    suites: tuple[str, ...],
    is_quick: bool,
    rounds: int,
    is_pinned: bool | None,
    cases: tuple[str, ...],
    systems: tuple[str, ...],
    read: Path | None,
    json_file: Path | None,
    plot_file: Path | None,
    page: Path | None,
    save_baseline: Path | None,
    baseline: Path | None,
) -> None:
    if baseline and not baseline.exists():
        raise click.UsageError(f"{baseline} does not exist. Store a baseline with --save-baseline, on a quiet machine.")
    mode: Mode | None = None if is_pinned is None else "pinned" if is_pinned else "free"
    found = json.loads(read.read_text()) if read else measure(Asked(suites, mode, cases, systems, is_quick), rounds)
    figures = summarise(found["rounds"])
    click.echo(report.text(found))
    if json_file:
        write_json(json_file, found)
    if plot_file:
        plot.draw_calls(figures, plot_file)
    if page:
        report.write_page(found, page)
    if save_baseline:
        write_json(save_baseline, check.baseline(figures, found["manifest"]))
    is_complete = not any("error" in one for one in found["rounds"] if one["group"] == US)
    is_ok = compare(figures, baseline) if baseline else True
    sys.exit(0 if is_ok and is_complete else 1)


def measure(asked: Asked, rounds: int) -> dict[str, Any]:
    """Run the rounds and return the report."""

    def say(line: str) -> None:
        click.echo(line, err=True)

    found = report.new_report(asked, rounds)
    if rounds < report.ROUNDS_MIN:
        say(f"{rounds} rounds are for trying only; at least {report.ROUNDS_MIN} make a figure")
    if report.is_busy(found):
        say("the machine is busy with other programs; these figures are for trying only")
    found["rounds"] = run_rounds(asked.jobs(), rounds, say)
    return found


def compare(figures: dict[Key, Figure], baseline: Path) -> bool:
    """Say how the figures compare with the baseline; tell whether nothing has regressed."""
    result = check.compare(figures, json.loads(baseline.read_text())["ratios"])
    click.echo(f"\nAgainst {baseline}: {result.compared} ratios compared, {len(result.regressed)} have regressed.")
    for line in result.regressed:
        click.echo(f"  REGRESSED {line}")
    if result.not_measured:
        click.echo(f"  {len(result.not_measured)} of the baseline were not measured now")
    if not result.compared:
        click.echo("  Nothing could be compared: measure what the baseline has, or store a new one.")
    return result.is_ok


if __name__ == "__main__":
    main()
