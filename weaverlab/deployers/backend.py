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

    def start_main(self) -> None:
        """Begin to run the body of Main in the background, unless it has been begun."""

    def run_main(self) -> None:
        """Run the body of Main, or wait until the one that was begun has ended; raise what it raised."""

    def stop(self, drain_s: float) -> None:
        """Stop everything in order, callers before callees. Harmless when stopped already."""

    def scale(self, component: str, count: int, drain_s: float) -> None:
        """Let `component`, and what shares weavelets with it, have `count` replicas; return when it has."""

    def kill(self, replica: str) -> None:
        """Kill a replica, as a fault would; it is started again."""

    def pause(self, replica: str) -> None:
        """Stop a replica in its tracks, as a fault would; it is left so until `resume`."""

    def resume(self, replica: str) -> None:
        """Let a paused replica go on."""

    def replicas(self) -> tuple[ReplicaInfo, ...]:
        """Return one entry for each weavelet."""

    def listeners(self) -> dict[str, str]:
        """Return the address of every bound listener."""

    def counts(self) -> tuple[MethodCounts, ...]:
        """Return the method counts of all weavelets that answer."""

    def events(self) -> tuple[Event, ...]:
        """Return the events of traced requests of all weavelets that answer, in order of time."""
