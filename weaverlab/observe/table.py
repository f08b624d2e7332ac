"""Small tables as aligned text and as HTML. Sorting, colours and terminal widths are not in here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

# Inline, since notebooks strip style sheets when they are shown elsewhere.
_CELL_STYLE = "padding:2px 12px 2px 0;white-space:nowrap;text-align:{}"


def text_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an aligned plain-text table: columns of numbers to the right, the others to the left.

        component  replicas  p50
        ---------  --------  -----
        Reader            2  41 ms

    A cell is shown by `str`, floats with up to three decimals, None as `-`. No line ends in a space.
    """
    body = [list(row) for row in rows]
    cells = [list(headers), *([_text(value) for value in row] for row in body)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
    right = _number_columns(body, len(headers))
    lines = [cells[0], ["-" * width for width in widths], *cells[1:]]
    return "\n".join(_aligned(line, widths, right) for line in lines)


def html_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return the same table as one HTML `<table>`, every cell escaped."""
    body = [list(row) for row in rows]
    right = _number_columns(body, len(headers))
    head = "".join(_html_cell("th", header, right[i]) for i, header in enumerate(headers))
    lines = ("".join(_html_cell("td", _text(value), right[i]) for i, value in enumerate(row)) for row in body)
    rest = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rest}</tbody></table>"


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    return str(value)


def _number_columns(body: Sequence[Sequence[object]], count: int) -> list[bool]:
    """Return, for each column, whether it holds numbers (and perhaps gaps) only."""
    columns: list[list[object]] = [[row[i] for row in body if row[i] is not None] for i in range(count)]
    return [bool(column) and all(isinstance(value, (int, float)) for value in column) for column in columns]


def _aligned(line: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(line, widths, right, strict=True)
    )
    return "  ".join(cells).rstrip()


def _html_cell(tag: str, text: str, right: bool) -> str:
    return f'<{tag} style="{_CELL_STYLE.format("right" if right else "left")}">{escape(text)}</{tag}>'
