"""What a deployer must offer, so that a `Deployment` can be the same object over every one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from weaverlab.history import Event
from weaverlab.observe import MethodCounts
from weaverlab.observe.snapshot import State
from weaverlab.runtime.weavelet import Weavelet
from weaverlab.types import ReplicaInfo

Progress: TypeAlias = Callable[[int, int], None]  # takes how many weavelets are ready, and of how many


def nobody_watches(ready: int, total: int) -> None:
    """Take progress and do nothing with it."""


class Backend(Protocol):
    """One started application on one kind of deployer."""

    name: str
    door: Weavelet  # makes handles for callers outside of the application

    @property
    def state(self) -> State:
        """Return where the deployment is in its life."""

    @property
    def failure(self) -> BaseException | None:
        """Return why the deployment failed, None while it has not."""

    def start(self, progress: Progress) -> None:
        """Start everything and return when every component is ready; raise, leaving nothing behind, otherwise."""

    def run_main(self) -> None:
        """Run the body of Main, or wait until it has ended; raise what it raised."""

    def stop(self, drain_s: float) -> None:
        """Stop everything in order, callers before callees. Harmless when stopped already."""

    def replicas(self) -> tuple[ReplicaInfo, ...]:
        """Return one entry for each weavelet."""

    def listeners(self) -> dict[str, str]:
        """Return the address of every bound listener."""

    def counts(self) -> tuple[MethodCounts, ...]:
        """Return the method counts of all weavelets that answer."""

    def events(self) -> tuple[Event, ...]:
        """Return the events of traced requests of all weavelets that answer, in order of time."""
