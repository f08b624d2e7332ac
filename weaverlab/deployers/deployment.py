"""A running application as its user holds it: handles, replicas, status, pictures, stop."""

from __future__ import annotations

import atexit
import threading
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar, overload

from weaverlab.component import ComponentSpec
from weaverlab.config import AntipodeConfig, Lag
from weaverlab.deployers.asking import ask
from weaverlab.deployers.backend import Backend
from weaverlab.deployers.output import Output
from weaverlab.deployers.plan import Plan
from weaverlab.errors import StoppedError, WeaverError, nearest
from weaverlab.history import Event
from weaverlab.observe import ComponentInfo, LagLink, ListenerInfo, Snapshot, StoreInfo
from weaverlab.observe.callgraph import callgraph_drawing
from weaverlab.observe.drawing import Drawing
from weaverlab.observe.spacetime import lineage_drawing
from weaverlab.pictures import Picture
from weaverlab.runtime.logs import LogEntry
from weaverlab.runtime.remote import Identity
from weaverlab.stores import EmbeddedStores
from weaverlab.types import ReplicaInfo

T = TypeVar("T")
DRAIN_S = 5.0
CLIENT = Identity("client", "client", "")  # whoever calls from outside: a notebook, a script, a test


class Deployment:
    """One version of an application, running. Use it as a context manager, or call `stop()`.

    Safe to use from several threads. After `stop()` its handles raise `StoppedError` (but for those that call a
    component in this process directly, under "single"); `status()` and the pictures show the last state.
    """

    def __init__(self, deployment_id: str, version: str, plan: Plan, backend: Backend, output: Output) -> None:
        self.id = deployment_id
        self.version = version
        self._plan = plan
        self._backend = backend
        self._output = output
        self._stopping = threading.RLock()  # held by whoever stops; another thread's stop() waits for it
        self._newest_events: tuple[Event, ...] = ()
        self._handles: dict[str, Any] = {}  # one for each component, so that replicas are taken in turn
        self._last: tuple[Snapshot, tuple[Event, ...]] | None = None
        atexit.register(self.stop)  # who forgets stop() gets it; multiprocess would wait for the weavelets for ever

    @overload
    def get(self, component: type[T]) -> T: ...
    @overload
    def get(self, component: str) -> Any: ...
    def get(self, component: type | str) -> Any:
        """Return the handle to a component, named by its interface, its class, or the name of either."""
        self._require_running()
        name = self._plan.authored.resolve(component).name
        if name not in self._handles:
            self._handles[name] = self._backend.door.handle(CLIENT, name)
        return self._handles[name]

    def replicas(self, component: type | str | None = None) -> list[ReplicaInfo]:
        """Return the weavelets that host `component`, or all of them."""
        replicas = self._backend.replicas()
        if component is None:
            return list(replicas)
        name = self._plan.app.resolve(component).name
        return [replica for replica in replicas if name in replica.components]

    def listener(self, name: str) -> str:
        """Return the address ("host:port") at which the listener `name` can be reached."""
        addresses = self._backend.listeners()
        if name not in addresses:
            raise WeaverError(
                f"no listener {name!r} in this deployment.{nearest(name, addresses)} "
                f"It has: {', '.join(sorted(addresses)) or 'none'}."
            )
        return addresses[name]

    def status(self) -> Snapshot:
        """Return what the deployment is and does now; after `stop()`, what it was at the end."""
        return self._last[0] if self._last else self._snapshot()

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of traced requests (`with weaver.request():`), in order of time."""
        return self._last[1] if self._last else self._collect_events()

    def logs(self) -> tuple[LogEntry, ...]:
        """Return the newest log entries and printed lines of all weavelets, oldest first."""
        return self._output.entries()

    def callgraph(self) -> Picture:
        """Draw components, replicas and stores, and what was called."""
        return Picture(lambda: callgraph_drawing(self.status()), lambda: self.is_running)

    def lineage(self, request: str | None = None) -> Picture:
        """Draw one request as a space-time diagram: the one with this trace id, or the newest."""

        def draw() -> Drawing:
            return lineage_drawing(self.events(), request)

        return Picture(draw, lambda: self.is_running)

    def run_main(self) -> None:
        """Run the body of Main (where it runs in a process of its own: wait until it has ended).

        Raises what it raised, or `DeployError` when the deployment failed meanwhile.
        """
        if self._plan.main is None:
            raise WeaverError("this deployment has no Main. Deploy a class derived from weaverlab.Main to run one.")
        self._backend.run_main()

    def stop(self, drain_s: float = DRAIN_S) -> None:
        """Stop everything, callers before callees; calls in flight get `drain_s` seconds. Idempotent."""
        with self._stopping:
            if self._last is not None:
                return
            try:
                self._last = self._snapshot(), self._collect_events()  # who looks meanwhile sees it whole
            finally:  # also when Ctrl-C ends the taking of figures
                try:
                    self._backend.stop(drain_s)
                finally:
                    atexit.unregister(self.stop)
                    if self._last is not None:  # replicas stay as they were: what was stopped in order is not down
                        snapshot, events = self._last
                        self._last = replace(snapshot, state=self._backend.state), events

    @property
    def failure(self) -> BaseException | None:
        """Why the deployment failed; None while it has not."""
        return self._backend.failure

    @property
    def is_running(self) -> bool:
        """Whether calls can be made."""
        return self._backend.state == "running"

    def __enter__(self) -> Deployment:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        return str(self.status())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return self.status()._repr_mimebundle_(include, exclude)

    def _require_running(self) -> None:
        if self._backend.failure is not None:
            raise StoppedError(f"this deployment has failed: {self._backend.failure}")
        if not self.is_running:
            raise StoppedError(f"deployment {self.id} is {self._backend.state}. Deploy again.")

    def _collect_events(self) -> tuple[Event, ...]:
        events = list(self._backend.events())
        if EmbeddedStores.__name__ in self._plan.app.components and self.is_running:
            events += ask(self._backend.door.handle(CLIENT, EmbeddedStores.__name__).history)
        if self.failure is None:  # the processes of a failed deployment are gone, and so is what they recorded
            self._newest_events = tuple(sorted(events, key=lambda event: event.at_s))
        return self._newest_events

    def _snapshot(self) -> Snapshot:
        addresses = self._backend.listeners()
        specs = list(self._plan.authored.components.values())
        return Snapshot(
            deployment_id=self.id,
            version=self.version,
            deployer=self._backend.name,
            state=self._backend.state,
            components=tuple(
                ComponentInfo(spec.name, self._plan.regions.get(spec.name, ""), spec.is_main) for spec in specs
            ),
            replicas=self._backend.replicas(),
            edges=self._plan.authored.edges(),
            counts=tuple(one for one in self._backend.counts() if one.key.component in {s.name for s in specs}),
            stores=tuple(_store_info(one, specs) for one in self._plan.config.antipode.values()),
            listeners=tuple(
                ListenerInfo(name, spec.name, addresses.get(name, ""))
                for spec in specs
                for name in spec.listeners.values()
            ),
        )


def _store_info(store: AntipodeConfig, specs: list[ComponentSpec]) -> StoreInfo:
    links = tuple(LagLink(origin, target, _lag_text(lag)) for (origin, target), lag in store.links.items())
    users = tuple(spec.name for spec in specs if store.name in spec.agents.values())
    return StoreInfo(store.id, store.type, store.regions, links, users)


def _lag_text(lag: Lag) -> str:
    """Return a lag in words."""
    return {
        "constant": f"{lag.a:g} ms",
        "uniform": f"{lag.a:g} to {lag.b:g} ms",
        "normal": f"normal {lag.a:g} ± {lag.b:g} ms",
        "exponential": f"exponential, mean {lag.a:g} ms",
    }[lag.kind]
