"""What a deployer must offer, so that a `Deployment` can be the same object over every one of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol, TypeAlias

from weaverlab.history import Event
from weaverlab.observe import CheckpointCounts, MethodCounts
from weaverlab.observe.snapshot import State
from weaverlab.runtime.weavelet import Weavelet
from weaverlab.types import ReplicaInfo

# Takes where the healthy replicas of each listener are, by its name, and where those are that do not answer.
Follow: TypeAlias = Callable[[Mapping[str, tuple[str, ...]], Collection[str]], None]
Progress: TypeAlias = Callable[[int, int], None]  # takes how many weavelets are ready, and of how many


def nobody_watches(ready: int, total: int) -> None:
    """Take progress and do nothing with it."""


def nobody_follows(healthy: Mapping[str, tuple[str, ...]], silent: Collection[str]) -> None:
    """Take where listeners are bound and do nothing with it."""


def addresses_by_listener(replicas: Iterable[Mapping[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return the addresses of every listener from those that each replica has, in the order of replicas."""
    found: dict[str, tuple[str, ...]] = {}
    for listeners in replicas:
        for name, address in listeners.items():
            found[name] = (*found.get(name, ()), address)
    return found


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

    @property
    def main_runs(self) -> bool:
        """Return whether the body of Main has been begun and has not ended."""

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

    def listeners(self) -> dict[str, tuple[str, ...]]:
        """Return where every listener is bound, by its name: one address for each healthy replica."""

    def follow_listeners(self, follow: Follow) -> None:
        """Tell `follow`, and nobody else, where listeners are bound: now, and whenever that may have changed."""

    def checkpoints(self) -> tuple[CheckpointCounts, ...]:
        """Return what was seen at the checkpoints of all weavelets; of one that does not answer, what it told last."""

    def counts(self) -> tuple[MethodCounts, ...]:
        """Return the method counts of all weavelets; of one that does not answer, those that it told last."""

    def events(self) -> tuple[Event, ...]:
        """Return the events of traced requests, in order of time; of whom does not answer, those that it told last."""
