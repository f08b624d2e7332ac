"""What an experiment is asked for, by a command line or a notebook."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weaverlab.errors import ConfigError, nearest
from weaverlab.experiment.servers import missing

REPEATS, QUICK_REPEATS = 5, 2


@dataclass(frozen=True)
class Options:
    """What an experiment is asked for; what is empty or None is its own choice.

    `quick` asks for a run that shows that it works, with too few requests and repeats to cite. `seconds` is how long
    load is sent in each measurement, `rates` are requests a second, `delays_ms` what an application waits between
    its two writes, and `graph` is a file that says who follows whom.
    """

    output: Path
    quick: bool = False
    seed: int = 1
    seconds: float | None = None
    repeats: int | None = None
    stores: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    delays_ms: tuple[float, ...] = ()
    graph: Path | None = None

    @property
    def repeat_count(self) -> int:
        """How often each cell is measured."""
        return self.repeats or (QUICK_REPEATS if self.quick else REPEATS)

    def facts(self) -> dict[str, Any]:
        """Return what decides the figures, JSON-ready."""
        names = {"output": self.output.name, "graph": self.graph and self.graph.name}
        return {**asdict(self), "repeats": self.repeat_count, **names}

    def expect(
        self, stores: Collection[str] = (), rates: bool = False, delays: bool = False, graph: bool = False
    ) -> None:
        """Check what was asked for against what the experiment knows: its stores, and whether it has the others.

        Raises:
            ConfigError: with everything that it has no use for, or that this machine lacks.
        """
        given = {
            "--store": (self.stores, stores),
            "--rate": (self.rates, rates),
            "--delay": (self.delays_ms, delays),
            "--graph": (self.graph, graph),
        }
        faults = [
            f"{option}: this experiment has no such factor. Leave it out."
            for option, (asked, is_known) in given.items()
            if asked and not is_known
        ]
        faults += [
            f"--store {store}: not a store of this experiment.{nearest(store, stores)} It has: {', '.join(stores)}."
            for store in self.stores
            if stores and store not in stores
        ]
        faults += [f"--store {store}: {what}" for store in self.stores for what in missing(store)]
        if faults:
            raise ConfigError(faults)
