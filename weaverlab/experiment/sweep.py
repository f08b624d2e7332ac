"""Measures every cell of an experiment several times, and keeps what was measured whatever happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from weaverlab.clock import system_rng
from weaverlab.errors import ConfigError, nearest
from weaverlab.experiment.design import C, Run, plan_runs
from weaverlab.experiment.manifest import manifest
from weaverlab.experiment.options import Options
from weaverlab.experiment.progress import Progress
from weaverlab.experiment.recorder import Measured, Recorder, describe
from weaverlab.experiment.results import Results, load

Tell = Callable[[str], object]


def sweep(
    name: str,
    cells: Sequence[C],
    measure: Callable[[Run[C], Tell], Measured],
    options: Options,
    *,
    shown: Sequence[str] = (),
    config: str = "",
    surroundings: Callable[[], Mapping[str, Any]] = dict,
) -> Results:
    """Measure each of `cells` as often as `options` say, and return what is then in `options.output`.

    The runs of a repeat come in random order, the same for the same seed. Each is written down as soon as it has
    ended. One that fails is kept as a failure, and the others go on. Ctrl-C ends the sweep; what was measured stays,
    and is shown.

    Args:
        cells: frozen dataclasses of one class, whose fields are the factors, all different.
        measure: carries out one run. Its second argument takes a text that says how far it is, for people to watch.
        shown: the columns of the report: "hits/trials" for a share, any other for the median over the repeats.
        config: the text of the configuration, for the manifest.
        surroundings: returns what else belongs to the manifest, such as versions of servers; asked after each run.

    Raises:
        ConfigError: there is no cell, or one twice; or, after the first run, `measure` does not return a `Measured`
            with all columns that are to be shown.
    """
    if not cells:
        raise ConfigError([f"{name}: there is no cell to measure. Ask for at least one store, rate and delay."])
    if twice := [cell for n, cell in enumerate(cells) if cell in cells[:n]]:
        raise ConfigError([f"{name}: {cell} is there twice, and would be measured as one." for cell in twice])
    runs = plan_runs(cells, options.repeat_count, options.seed, system_rng(options.seed))
    about = manifest(name, options.facts(), config) | {"levels": levels(cells)}
    recorder = Recorder(options.output, about, tuple(shown), runs, surroundings)
    progress = Progress(len(runs))
    for run in runs:
        progress.begin(run)
        try:
            measured = measure(run, progress.tell)
        except KeyboardInterrupt:
            progress.end("interrupted")
            print(f"{load(options.output).report()}", file=sys.stderr)
            raise
        except Exception as error:
            recorder.failed(run, error)
            progress.end(f"failed. {describe(error)}")
        else:
            _check(measured, shown)
            recorder.add(run, measured)
            progress.end(measured.said)
    return load(options.output)


def _check(measured: Measured, shown: Sequence[str]) -> None:
    if not isinstance(measured, Measured):
        raise ConfigError([f"measure() returned {measured!r}: expected Measured(row, requests)."])
    faults = [
        f"shown {column!r}: a row has no {name!r}.{nearest(name, measured.row)} It has: {', '.join(measured.row)}."
        for column in shown
        for name in column.split("/")
        if name not in measured.row
    ]
    if faults:
        raise ConfigError(faults)


def levels(cells: Sequence[C]) -> dict[str, list[Any]]:
    """Return the values of each factor, in the order of `cells`."""
    rows = [asdict(cell) for cell in cells]  # type: ignore[call-overload]
    return {name: list(dict.fromkeys(row[name] for row in rows)) for name in rows[0]}
