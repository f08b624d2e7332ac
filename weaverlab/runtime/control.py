"""What a deployer may ask of a running weavelet: an ordinary component that every weavelet hosts besides its own."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from weaverlab.component import Implements, Interface, not_retriable
from weaverlab.history import Event
from weaverlab.observe import CheckpointCounts, Checkpoints, MethodCounts, MethodMetrics
from weaverlab.routing import RoutingTable
from weaverlab.runtime.recorder import Recorder
from weaverlab.transport.tls import Credentials


@dataclass(frozen=True)
class Stop:
    """Stop in order, giving calls in flight `drain_s` seconds to end."""

    drain_s: float


@dataclass(frozen=True)
class StartMain:
    """Run the body of Main."""


Orders: TypeAlias = "queue.SimpleQueue[Stop | StartMain]"  # from a server thread to the process's main thread


@dataclass(frozen=True)
class Health:
    """What a weavelet says of itself. That it answers at all is the better part of it.

    `load` is the number of calls it executes, this question not counted; `table` the version of its routing table.
    """

    load: int
    table: int


class WeaveletControl(Interface):
    """The deployer's side of a weavelet."""

    @not_retriable
    def stop(self, drain_s: float) -> None:
        """Stop in order, giving calls in flight `drain_s` seconds; returns at once."""
        raise NotImplementedError

    def start_main(self) -> None:
        """Begin to run the body of Main, unless it has been begun; returns at once."""
        raise NotImplementedError

    def health(self) -> Health:
        """Say that the weavelet lives, and what it does."""
        raise NotImplementedError

    def update_routing(self, table: RoutingTable) -> None:
        """Route calls by `table` from now on, unless a newer one has come."""
        raise NotImplementedError

    def renew(self, credentials: Credentials) -> None:
        """Prove who you are by these from now on."""
        raise NotImplementedError

    def counts(self) -> tuple[MethodCounts, ...]:
        """Return what the components there have called."""
        raise NotImplementedError

    def checkpoints(self) -> tuple[CheckpointCounts, ...]:
        """Return what was seen at the checkpoints there."""
        raise NotImplementedError

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of traced requests."""
        raise NotImplementedError


class Control(Implements[WeaveletControl]):
    """Answers the deployer. Made by the weavelet itself, which fills it in."""

    metrics: MethodMetrics
    recorder: Recorder
    seen: Checkpoints
    orders: Orders
    look: Callable[[], Health]
    route: Callable[[RoutingTable], None]
    certify: Callable[[Credentials], None]

    def stop(self, drain_s: float) -> None:
        self.orders.put(Stop(drain_s))

    def start_main(self) -> None:
        self.orders.put(StartMain())

    def health(self) -> Health:
        return self.look()

    def update_routing(self, table: RoutingTable) -> None:
        self.route(table)

    def renew(self, credentials: Credentials) -> None:
        self.certify(credentials)

    def counts(self) -> tuple[MethodCounts, ...]:
        return self.metrics.snapshot()

    def checkpoints(self) -> tuple[CheckpointCounts, ...]:
        return self.seen.snapshot()

    def events(self) -> tuple[Event, ...]:
        return self.recorder.events()
