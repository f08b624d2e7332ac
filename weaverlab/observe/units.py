"""Numbers as people read them: durations, sizes, counts, names cut to length. Formatting only, no parsing."""

from __future__ import annotations


def duration_text(seconds: float | None) -> str:
    """Return three digits with the fitting unit: `"83 µs"`, `"1.25 ms"`, `"41 ms"`, `"2.10 s"`; `"-"` for None."""
    if seconds is None:
        return "-"
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if abs(value := seconds * factor) < 999.5:
            return f"{_three_digits(value)} {unit}"
    return f"{_three_digits(seconds)} s"


def milliseconds_text(seconds: float) -> str:
    """Return whole milliseconds from 10 ms on, with one decimal below: `"76 ms"`, `"3.2 ms"`."""
    value = seconds * 1e3
    return f"{value:.0f} ms" if abs(value) >= 9.95 else f"{value:.1f} ms"


def bytes_text(count: float) -> str:
    """Return a size in binary units: `"512 B"`, `"1.5 KiB"`, `"20 MiB"`."""
    if count < 1024:
        return f"{count:.0f} B"
    for unit in ("KiB", "MiB", "GiB"):
        count /= 1024
        if count < 1024 or unit == "GiB":
            break
    return f"{count:.1f} {unit}" if count < 10 else f"{count:.0f} {unit}"


def count_text(count: int) -> str:
    """Return `"950"`, `"12,345"`, `"1.2 M"`."""
    return f"{count:,}" if count < 1_000_000 else f"{count / 1e6:.1f} M"


def shorten(text: str, length_max: int) -> str:
    """Return `text`, or its beginning and an ellipsis when it is longer than `length_max`."""
    return text if len(text) <= length_max else text[: max(length_max - 1, 0)] + "…"


def _three_digits(value: float) -> str:
    if abs(value) >= 9.995:
        return f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.1f}".removesuffix(".0")
    return f"{value:.2f}"
