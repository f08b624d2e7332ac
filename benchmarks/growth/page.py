"""The figures of a run as text: a verdict for each cost, then every figure. Pure, but for `write`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.growth import picture
from benchmarks.growth.sweeps import Quantity, Sweep, quantities, shown
from benchmarks.growth.verdict import Points, Verdict, points_of, verdicts
from benchmarks.report import is_busy
from benchmarks.summary import Figure, Key, summarise
from benchmarks.table import markdown, number, spread_text

RESULT = "## Result\n"  # what follows this line of the page is generated
PICTURE = "images/growth-all.svg"


def text(report: Mapping[str, Any]) -> str:
    """Return the report for people, in Markdown."""
    figures = summarise(report["rounds"])
    return "\n\n".join([_machine(report), verdict_table(figures), *_not_measured(report, figures), *_sections(figures)])


def write(report: Mapping[str, Any], page: Path) -> None:
    """Replace what follows the heading "Result" of a page, and the picture beside the page.

    Raises:
        ValueError: the page has no such heading.
    """
    before, found, _ = page.read_text(encoding="utf-8").partition(RESULT)
    if not found:
        raise ValueError(f"{page.name} needs a line {RESULT.strip()!r}; what follows it is generated.")
    told = f"{before}{RESULT}\n![What each sweep costs]({PICTURE})\n\n{text(report)}\n"
    page.write_text(told, encoding="utf-8")
    picture.draw(summarise(report["rounds"]), page.parent / PICTURE)


def verdict_table(figures: Mapping[Key, Figure]) -> str:
    """Return a row for each cost and series: how much it grew, how much it may, and the verdict."""
    header = ["varied", "cost", "of", "from", "to", "grew", "may grow", "each more", "verdict"]
    return markdown(header, (_verdict_row(one, figures) for one in verdicts(figures)))


def _verdict_row(one: Verdict, figures: Mapping[Key, Figure]) -> list[str]:
    points = points_of(figures, one.sweep, one.quantity, one.series)
    return [
        one.sweep.label,
        one.quantity.title,
        one.series,
        f"{one.first:,}",
        f"{one.last:,}",
        f"x {number(one.growth)}{' (of x limit)' if one.is_ratio else ''}",
        f"x {number(one.expected * one.quantity.whole)}",
        _each(one, points) if one.quantity.power == 1 else "",
        one.words,
    ]


def _each(one: Verdict, points: Points) -> str:
    """Return what one more of what is varied adds, on average over the whole sweep."""
    added = points[one.last].value.median - points[one.first].value.median
    return f"{added / (one.last - one.first):.2g} {one.quantity.unit}"


def _machine(report: Mapping[str, Any]) -> str:
    facts = report["manifest"]
    options = facts["options"]
    told = (
        f"Measured {facts['started']} at commit {facts['commit']}, {options['rounds']} rounds"
        f"{', quick' if options['is_quick'] else ''}. {facts['python']}, {facts['platform']}, "
        f"{facts['processors']} x {facts['processor']}, load {facts['load_average'][0]} before the first round."
    )
    if is_busy(report):
        told += "\n\n**The machine was busy with other programs: these figures are for trying only.**"
    return told


def _not_measured(report: Mapping[str, Any], figures: Mapping[Key, Figure]) -> Iterator[str]:
    """Yield a line for each sweep that did not reach its last points: there were not enough descriptors."""
    is_quick = report["manifest"]["options"]["is_quick"]
    asked = report["manifest"]["options"]["sweeps"]
    for sweep, quantity in quantities():
        missing = set(sweep.quick if is_quick else sweep.points) - set(
            points_of(figures, sweep, quantity, quantity.series[0])
        )
        if missing and sweep.name in asked:
            points = ", ".join(f"{point:,}" for point in sorted(missing))
            yield f"{sweep.title}, {quantity.title}: not measured at {points}; this machine has too few descriptors."


def _sections(figures: Mapping[Key, Figure]) -> Iterator[str]:
    for sweep, quantity in quantities():
        found = {series: points_of(figures, sweep, quantity, series) for series in quantity.series}
        if any(found.values()):
            where = ", pinned" if sweep.mode == "pinned" else ""
            yield f"### {sweep.title}: {quantity.title}{where}\n\n{figure_table(sweep, quantity, found)}"


def figure_table(sweep: Sweep, quantity: Quantity, found: Mapping[str, Points]) -> str:
    """Return a row for each point: of each series the figure, as it is drawn, and beside the limit."""
    header = [sweep.label]
    for series in quantity.series:
        header += [f"{series}, {quantity.unit} (quartiles)"]
        header += [f"{series}, {drawn}" for drawn in quantity.drawn if drawn != "value"]
        header += [f"{series}, x limit"] if _has_limit(found[series]) else []
        header += [f"{series}, CPU µs"] if _has_cpu(found[series]) else []
    points = sorted({point for of_series in found.values() for point in of_series})
    return markdown(header, ([f"{point:,}", *_cells(quantity, found, point)] for point in points))


def _cells(quantity: Quantity, found: Mapping[str, Points], point: int) -> Iterator[str]:
    for series in quantity.series:
        figure = found[series][point]
        yield spread_text(figure.value)
        for drawn in quantity.drawn:
            if drawn != "value":
                yield number(shown(drawn, point, figure.value.median))
        if _has_limit(found[series]):
            yield spread_text(figure.ratio)
        if _has_cpu(found[series]):
            yield number(figure.cpu_us.median) if figure.cpu_us else ""


def _has_limit(points: Points) -> bool:
    return any(figure.ratio for figure in points.values())


def _has_cpu(points: Points) -> bool:
    return any(figure.cpu_us for figure in points.values())
