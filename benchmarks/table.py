"""Figures as tables in Markdown, which can be read in a terminal too. Pure.

First the goals, with what was reached in each mode and whether that is enough; then every figure, a table a case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks.goals import GOALS, Goal
from benchmarks.summary import Figure, Key, Spread, is_met, reached

MODES = {"pinned": "all processes on one CPU", "free": "free to use every CPU"}
UNITS = {"ratio": "x limit", "speed": "x limit", "times": "x", "calls/s": "calls/s", "GB/s": "GB/s"}


def goal_table(figures: Mapping[Key, Figure]) -> str:
    """Return a row for each goal: what is asked, what each mode reached with its quartiles, and the verdict."""
    modes = [mode for mode in MODES if any(key.mode == mode for key in figures)]
    header = ["goal", "figure", "limit"]
    for mode in modes:
        header += [f"{mode} (quartiles)", "met?"]
    rows = []
    for goal in GOALS:
        row = [
            goal.source,
            subject(goal),
            f"{'≤' if goal.relation == '<=' else '≥'} {number(goal.limit)} {_unit(goal, figures)}",
        ]
        for mode in modes:
            row += _verdict(goal, reached(goal, mode, figures), _is_elsewhere(goal, mode, figures))
        rows.append(row)
    return markdown(header, rows)


def overview(figures: Mapping[Key, Figure]) -> str:
    """Return the ratios of all systems side by side, a table for each mode."""
    return "\n\n".join(_overview(figures))


def figure_tables(figures: Mapping[Key, Figure]) -> str:
    """Return all figures: a table for each suite, mode and case, with a row for each system."""
    return "\n\n".join(_sections(figures))


def left_out(skipped: Mapping[str, str], rounds: Iterable[Mapping[str, object]]) -> list[str]:
    """Return a line for each system that is not in the tables, or was not well-behaved, with the reason."""
    lines = [f"{name}: skipped, {reason}" for name, reason in skipped.items()]
    for one in rounds:
        if "error" in one:
            lines.append(
                f"{one['group']}: failed in round {one['number']}, {one['suite']}, {one['mode']}: {one['error']}"
            )
        if "left" in one:
            lines.append(f"{one['group']}: left processes behind in round {one['number']}, which were killed")
    return lines


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table whose columns are aligned."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    rendered = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    rendered.insert(1, " | ".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" for line in rendered)


def number(value: float) -> str:
    """Return three digits that matter, without an exponent."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}".removesuffix(".00")


def spread_text(spread: Spread | None) -> str:
    if spread is None:
        return ""
    if spread.q1 == spread.q3:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.q1)} to {number(spread.q3)})"


def subject(goal: Goal) -> str:
    words = ", ".join(word for word in (goal.system, goal.case) if word)
    if goal.other:
        words += f", as fast as {goal.other}"
    return f"{words} (stretch)" if goal.is_stretch else words


def _unit(goal: Goal, figures: Mapping[Key, Figure]) -> str:
    if goal.quantity != "value":
        return UNITS[goal.quantity]
    units = (figure.unit for key, figure in figures.items() if key[2:] == (goal.system, goal.case))
    return next(units, "")


def _is_elsewhere(goal: Goal, mode: str, figures: Mapping[Key, Figure]) -> bool:
    """Tell whether the goal's suite is one that has been measured in the other mode only."""
    modes = {key.mode for key in figures if key.suite == goal.suite}
    return bool(modes) and mode not in modes


def _verdict(goal: Goal, found: Spread | None, is_elsewhere: bool) -> tuple[str, str]:
    if found is None:
        return "", "" if is_elsewhere else "not measured"
    return spread_text(found), "met" if is_met(goal, found) else "**not met**"


def _overview(figures: Mapping[Key, Figure]) -> Iterator[str]:
    for mode, meaning in MODES.items():
        calls = {key: figure for key, figure in figures.items() if key[:2] == ("calls", mode) and figure.ratio}
        cases = list(dict.fromkeys(key.case for key in calls))
        rows = [
            [system, *(_ratio_text(calls.get(Key("calls", mode, system, case))) for case in cases)]
            for system in dict.fromkeys(key.system for key in calls)
        ]
        if rows:
            yield f"### All systems, x limit, {mode}: {meaning}\n\n{markdown(['system', *cases], rows)}"


def _ratio_text(figure: Figure | None) -> str:
    return number(figure.ratio.median) if figure and figure.ratio else ""


def _sections(figures: Mapping[Key, Figure]) -> Iterator[str]:
    cases = dict.fromkeys((key.suite, key.mode, key.case) for key in figures)
    for suite, mode, case in cases:
        found = [figure for key, figure in figures.items() if (key.suite, key.mode, key.case) == (suite, mode, case)]
        header = ["system", f"{found[0].unit or 'count'} (quartiles)", "x limit (quartiles)"]
        rows = [[figure.key.system, spread_text(figure.value), spread_text(figure.ratio)] for figure in found]
        if found[0].cpu_us:
            header += ["CPU µs", "CPU x limit (quartiles)", "calls/s"]
            for row, figure in zip(rows, found, strict=True):
                row += [spread_text(figure.cpu_us), spread_text(figure.cpu_ratio), number(1e6 / figure.value.median)]
        yield f"### {suite}: {case}, {mode}, {found[0].rounds} rounds\n\n{markdown(header, rows)}"
