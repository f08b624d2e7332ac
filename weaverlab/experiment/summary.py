"""The report of a sweep as text: how it was measured, a table with a line for each cell, goals, and what is missing.

Pure. A share is pooled over the repeats and has its Wilson interval; any other column shows the median of its values,
one for each repeat, with the bootstrap interval of that median. Both at 95 %.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from weaverlab.clock import system_rng
from weaverlab.experiment.comparison import SEED
from weaverlab.experiment.goals import verdicts
from weaverlab.experiment.results import Results
from weaverlab.experiment.statistics import bootstrap, proportion_text
from weaverlab.experiment.words import heading, phrase, shown
from weaverlab.observe import html_table, text_table

Rows = Sequence[Mapping[str, Any]]

GOAL_HEADERS = ("goal", "where", "measured", "met")


def report(results: Results) -> str:
    """Return everything that a reader should know before believing a figure."""
    parts = [_head(results), table(results), _goals(results), *_missing(results), f"Rows are in {results.folder}/."]
    return "\n".join(part for part in parts if part)


def report_html(results: Results) -> str:
    """Return the same for a notebook's cell."""
    headers, rows = table_cells(results)
    tables = [html_table(headers, rows)] if rows else []
    if found := verdicts(results):
        tables.append(html_table(GOAL_HEADERS, [one.cells() for one in found]))
    words = [_head(results), *_missing(results), f"Rows are in {results.folder}/."]
    first, *rest = (f"<p>{escape(line)}</p>" for line in words)
    return "".join([first, *tables, *rest])


def table(results: Results) -> str:
    """Return a line for each cell; factors that never vary are in the head, not here."""
    if not results.rows:
        return ""
    headers, rows = table_cells(results)
    return text_table(headers, rows)


def table_cells(results: Results) -> tuple[list[str], list[list[object]]]:
    """Return headers and rows of the table, so that a page can show them in another form."""
    factors = [name for name in results.factors if results.only(name) is None] or list(results.factors)
    headers = [*(heading(name) for name in factors), *(_title(column) for column in results.shown)]
    body = [_line(dict(cell), rows, factors, results.shown) for cell, rows in results.cells().items()]
    return headers, body


def shown_value(rows: Rows, column: str) -> str | None:
    """Return what a report says of a column over the repeats of one cell; None when there is nothing."""
    if "/" in column:
        hits, trials = (sum(row.get(name) or 0 for row in rows) for name in column.split("/"))
        return proportion_text(hits, trials)
    values = [row[column] for row in rows if row.get(column) is not None]
    interval = bootstrap(values, system_rng(SEED))
    if interval is None:
        return None
    small = 0 < abs(interval.estimate) < 1
    if interval.low == interval.high:
        return f"{interval.estimate:.3f}" if small else f"{interval.estimate:.0f}"
    return interval.text(3 if small else 1)


def _line(cell: Mapping[str, Any], rows: Rows, factors: Iterable[str], columns: Iterable[str]) -> list[object]:
    return [shown(cell[name]) for name in factors] + [shown_value(rows, column) for column in columns]


def _title(column: str) -> str:
    return f"{heading(column.split('/')[0])} (95 % interval)" if "/" in column else heading(column)


def _head(results: Results) -> str:
    options = results.manifest["options"]
    fixed = {name: value for name in results.factors if (value := results.only(name)) is not None}
    facts = [phrase(fixed), f"{options['repeats']} repeats", f"seed {options['seed']}"]
    quick = ". Quick: too little to cite" if options.get("quick") else ""
    return f"{results.manifest['experiment']}: {', '.join(filter(None, facts))}{quick}."


def _goals(results: Results) -> str:
    found = verdicts(results)
    return "\n" + text_table(GOAL_HEADERS, [one.cells() for one in found]) if found else ""


def _missing(results: Results) -> Iterable[str]:
    asked, failed, lost = (sum(results.values(name)) for name in ("requests", "errors", "missing_outcomes"))
    if asked:
        yield f"Of {asked} requests, {failed} failed and {lost} have no outcome; none of these is in a share above."
    for failure in results.failures:
        where = phrase({name: failure[name] for name in (*results.factors, "repeat")})
        yield f"Failed: {where}: {failure['error']}"
    ended = len(results.rows) + len(results.failures)
    if results.planned > ended:
        yield f"Interrupted: {ended} of {results.planned} runs were made."
