"""What a deployer may ask of a running weavelet: an ordinary component that every weavelet hosts besides its own."""

from __future__ import annotations

import threading

from weaverlab.component import Implements, Interface, not_retriable
from weaverlab.history import Event
from weaverlab.observe import MethodCounts, MethodMetrics
from weaverlab.runtime.recorder import Recorder


class StopRequest:
    """Carries the wish to stop from a server thread to the process's main thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._drain_s = 0.0

    def ask(self, drain_s: float) -> None:
        """Ask for a stop that gives calls in flight `drain_s` seconds to end."""
        self._drain_s = drain_s
        self._asked.set()

    def wait(self) -> float:
        """Wait until a stop is asked for (a weavelet's whole life); return its drain time."""
        self._asked.wait()
        return self._drain_s


class WeaveletControl(Interface):
    """The deployer's side of a weavelet."""

    @not_retriable
    def stop(self, drain_s: float) -> None:
        """Stop in order, giving calls in flight `drain_s` seconds; returns at once."""
        raise NotImplementedError

    def counts(self) -> tuple[MethodCounts, ...]:
        """Return what the components there have called."""
        raise NotImplementedError

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of traced requests."""
        raise NotImplementedError


class Control(Implements[WeaveletControl]):
    """Answers the deployer. Made by the weavelet itself, which fills it in."""

    metrics: MethodMetrics
    recorder: Recorder
    stop_request: StopRequest

    def stop(self, drain_s: float) -> None:
        self.stop_request.ask(drain_s)

    def counts(self) -> tuple[MethodCounts, ...]:
        return self.metrics.snapshot()

    def events(self) -> tuple[Event, ...]:
        return self.recorder.events()
