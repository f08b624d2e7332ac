"""Whose agent it is, and what the runtime lends it: identity, time, trace, deadline, a place for events.

The defaults make an agent usable alone, in a test or a script. Not in here: the runtime's side of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from weaverlab.antipode import Lineage
from weaverlab.antipode.barrier import Mode
from weaverlab.clock import Clock, SystemClock
from weaverlab.config import NO_FAULTS, BarrierFaults
from weaverlab.history import Event
from weaverlab.observe import Checkpoints
from weaverlab.stores.branches import here


@dataclass(frozen=True)
class Host:
    """One replica of a component, as its agents see it.

    `trace` returns the current trace id in hexadecimal digits, `""` when the request is not traced; `follow` makes the
    trace of a message current. `remaining_s` returns what is left of the current deadline, None without one. `branches`
    waits for branches, wherever they run, as `Branches.wait` does for those of this process. `checkpoints` are those of
    all replicas in this process.
    """

    component: str = ""
    replica: str = ""
    region: str = ""
    clock: Clock = SystemClock
    mode: Mode = "enforce"
    faults: BarrierFaults = NO_FAULTS
    record: Callable[[Event], None] | None = None
    trace: Callable[[], str] = lambda: ""
    follow: Callable[[str], object] = lambda trace: None
    remaining_s: Callable[[], float | None] = lambda: None
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    branches: Callable[[Collection[str], float], Mapping[str, Lineage | None]] = here.wait

    def note(self, kind: Callable[..., Event], *details: object) -> None:
        """Record an event of the current request, if somebody records and the request is traced."""
        if self.record is not None and (request := self.trace()):
            self.record(kind(self.clock.now_s(), request, self.component, self.replica, self.region, *details))
