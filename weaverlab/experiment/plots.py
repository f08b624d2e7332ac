"""The figures of a sweep, by name, each beside what others have published: one call draws all that its columns allow.

curve     violations against the artificial delay
window    distribution of windows, for each strategy
rate      violations and window against the rate
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from weaverlab.clock import system_rng
from weaverlab.experiment.comparison import SEED
from weaverlab.experiment.published import Published, published
from weaverlab.experiment.results import Results
from weaverlab.experiment.statistics import bootstrap, percentile
from weaverlab.experiment.words import phrase
from weaverlab.observe import wilson
from weaverlab.pictures import RatePoint, ViolationPoint, figure_png, figure_svg, rate_figure, violation_curve
from weaverlab.pictures.windows import window_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figures(results: Results) -> dict[str, Figure]:
    """Return what can be drawn of `results`; a figure whose factor does not vary is left out."""
    found: dict[str, Figure] = {}
    if "strategy" not in results.factors:
        return found
    if len(set(results.values("delay_ms"))) > 1:
        found["curve"] = violation_curve(list(_curve_points(results)))
    prompt = _least(results, "delay_ms")  # where a window is the strategy's own doing
    if windows := _windows(_least(prompt, "rate")):
        found["window"] = window_figure(windows, _lags_ms(_least(prompt, "rate")))
    if "store" in results.factors and len(set(results.values("rate"))) > 1:
        others = published(results.manifest["experiment"])
        found["rate"] = rate_figure([*_rate_points(prompt), *map(_published_point, others)])
    return found


def save_figures(results: Results, folder: Path | None = None) -> list[Path]:
    """Write every figure as .svg and .png into `folder`, by default beside the rows; return the paths."""
    paths = []
    for name, figure in figures(results).items():
        svg, png = ((folder or results.folder) / f"{name}.{ending}" for ending in ("svg", "png"))
        svg.write_text(figure_svg(figure), encoding="utf-8")
        png.write_bytes(figure_png(figure))
        paths += [svg, png]
    return paths


def _least(results: Results, factor: str) -> Results:
    """Return the cells with the least value of `factor`; all where it is none."""
    values = results.values(factor)
    return results.where(**{factor: min(values)}) if values else results


def _lags_ms(results: Results) -> tuple[float, float] | None:
    """Return the median lag and its 95th percentile, each as the median over the runs."""
    p50, p95 = (percentile(results.values(f"lag_ms_{name}"), 0.5) for name in ("p50", "p95"))
    return None if p50 is None or p95 is None else (p50, p95)


def _curve_points(results: Results) -> Iterator[ViolationPoint]:
    for cell, rows in results.cells().items():
        factors = dict(cell)
        hits, trials = _pooled(rows)
        label = _label(results, factors, "no barrier")
        if factors["strategy"] == "none" and trials:
            yield ViolationPoint(factors["delay_ms"], hits, trials, label=label)
        elif factors["strategy"] == "barrier" and factors["delay_ms"] == 0 and trials:
            yield ViolationPoint(median(row["waited_ms_p50"] for row in rows), hits, trials, barrier=True)


def _windows(results: Results) -> dict[tuple[str, str], list[float]]:
    found: dict[tuple[str, str], list[float]] = {}
    for request in results.requests():
        if request.get("window_ms") is not None:
            found.setdefault((request["strategy"], _label(results, request, "")), []).append(request["window_ms"])
    return found


def _rate_points(results: Results) -> Iterator[RatePoint]:
    for cell, rows in results.cells().items():
        factors = dict(cell)
        hits, trials = _pooled(rows)
        window_ms = bootstrap([row["window_ms_p50"] for row in rows if row["window_ms_p50"]], system_rng(SEED))
        if trials and window_ms:
            low, high = wilson(hits, trials)
            shares = (100 * hits / trials, 100 * low, 100 * high)
            yield RatePoint(factors["rate"], factors["strategy"], factors["store"], shares, window_ms)


def _published_point(one: Published) -> RatePoint:
    violations, window_ms = ((sum(pair) / 2, *pair) for pair in (one.violations, one.window_ms))
    return RatePoint(one.rate, one.strategy, f"{one.store} (published)", violations, window_ms, is_published=True)


def _pooled(rows: Sequence[Mapping[str, Any]]) -> tuple[int, int]:
    return sum(row["violations"] or 0 for row in rows), sum(row["outcomes"] or 0 for row in rows)


def _label(results: Results, row: Mapping[str, Any], otherwise: str) -> str:
    """Return the store and the rate of a row where they vary."""
    varying = [name for name in ("store", "rate") if name in results.factors and results.only(name) is None]
    return phrase({name: row[name] for name in varying}) or otherwise
