"""What one version of an application is and does: snapshots and events, now, or as they were at its end.

Pictures hold on to the version that they were asked for, so that one of a version that has been replaced goes on
showing what that version did.
"""

from __future__ import annotations

from dataclasses import replace

from weaverlab.component import ComponentSpec
from weaverlab.config import AntipodeConfig, Lag
from weaverlab.deployers.asking import ask
from weaverlab.deployers.version import CLIENT, Version
from weaverlab.history import Event
from weaverlab.observe import ComponentInfo, LagLink, ListenerInfo, Snapshot, StoreInfo
from weaverlab.stores import EmbeddedStores


class Look:
    """Looks at a version; from `take_last` on, at what it was then."""

    def __init__(self, deployment_id: str, version: Version) -> None:
        self._deployment_id = deployment_id
        self._version = version
        self._history: tuple[Event, ...] = ()  # of the embedded stores, as they told it last
        self._last: tuple[Snapshot, tuple[Event, ...]] | None = None

    @property
    def has_ended(self) -> bool:
        return self._last is not None

    @property
    def is_live(self) -> bool:
        """Whether there may be something else to see the next time."""
        return not self.has_ended and self._version.backend.state == "running"

    def take_last(self) -> None:
        """Keep what is to be seen now: the version is about to be stopped."""
        self._last = self._snapshot(), self._events()

    def snapshot(self) -> Snapshot:
        """Return what the version is and does. Replicas stay as they were: what was stopped in order is not down."""
        if self._last is None:
            return self._snapshot()
        return replace(self._last[0], state=self._version.backend.state)

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of traced requests, in order of time."""
        return self._events() if self._last is None else self._last[1]

    def _events(self) -> tuple[Event, ...]:
        backend = self._version.backend
        if EmbeddedStores.__name__ in self._version.plan.app.components and backend.state == "running":
            self._history = ask(backend.door.handle(CLIENT, EmbeddedStores.__name__).history) or self._history
        return tuple(sorted([*backend.events(), *self._history], key=lambda event: event.at_s))

    def _snapshot(self) -> Snapshot:
        version, plan, backend = self._version, self._version.plan, self._version.backend
        specs = list(plan.authored.components.values())
        names = {spec.name for spec in specs}
        return Snapshot(
            deployment_id=self._deployment_id,
            version=version.code,
            deployer=backend.name,
            state=backend.state,
            components=tuple(ComponentInfo(spec.name, plan.regions.get(spec.name, ""), spec.is_main) for spec in specs),
            replicas=backend.replicas(),
            edges=plan.authored.edges(),
            counts=tuple(one for one in backend.counts() if one.key.component in names),
            stores=tuple(store_info(one, specs) for one in plan.config.antipode.values()),
            listeners=tuple(
                ListenerInfo(name, spec.name, version.addresses.get(name, ""))
                for spec in specs
                for name in spec.listeners.values()
            ),
            checkpoints=backend.checkpoints(),
        )


def store_info(store: AntipodeConfig, specs: list[ComponentSpec]) -> StoreInfo:
    """Return a datastore as snapshots show it; `specs` are all components that may use it."""
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
