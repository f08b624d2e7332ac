"""All datastores of a deployment as one replica sees them: makes its agents, and runs its barriers.

A barrier asks all stores at once: those that share a waiter (all embedded ones) in one round trip, others in threads
beside it. What a barrier waits for, and how it reports, is decided in `antipode.barrier`; how it waits is in `waiting`.
"""

from __future__ import annotations

import contextvars
import types
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from weaverlab.antipode import Dependency, context
from weaverlab.antipode.barrier import TIMEOUT_S, BarrierReport, OnTimeout, block, conclude, plan
from weaverlab.antipode.branches import BRANCHES
from weaverlab.antipode.faults import Injected, inject
from weaverlab.errors import BarrierTimeout, Cancelled, ConfigError, StoreError, WeaverError, nearest
from weaverlab.history import Waited
from weaverlab.observe.checkpoints import Checkpoint
from weaverlab.stores.agent import Antipode
from weaverlab.stores.blocking import pool
from weaverlab.stores.datastore import Datastore, Waiter
from weaverlab.stores.embedded import EmbeddedDatastore
from weaverlab.stores.host import Host
from weaverlab.stores.kinds import open_store
from weaverlab.stores.pool import Pools
from weaverlab.stores.service import EmbeddedStoreService
from weaverlab.stores.waiting import Waiting

if TYPE_CHECKING:
    from weaverlab.config import AntipodeConfig

REPLY_MARGIN_S = 0.05  # kept free of a deadline, so that a barrier can still say what is missing


class Datastores:
    """The stores by agent name, and which of them a barrier looks at: those with a replica in this region."""

    def __init__(self, host: Host, agents: Mapping[str, Datastore], visible: Collection[str]) -> None:
        self.host = host
        self._agents = dict(agents)
        self._visible = {one.store: one for one in self._agents.values() if one.store in visible}

    def agent(self, name: str) -> Antipode:
        """Return the agent that [antipode.NAME] binds; ConfigError when there is no such section."""
        if name not in self._agents:
            known = ", ".join(sorted(self._agents)) or "none"
            raise ConfigError(
                [f"agent {name!r} needs a section [antipode.{name}]; there are: {known}.{nearest(name, self._agents)}"]
            )
        return Antipode(name, self._agents[name], self)

    def barrier(
        self,
        timeout_s: float = TIMEOUT_S,
        stores: Iterable[str | Antipode] | None = None,
        on_timeout: OnTimeout = "raise",
        dry_run: bool = False,
    ) -> BarrierReport:
        """Wait until everything the current request depends on is visible in this region.

        Args:
            timeout_s: at most this long, or two seconds more where a server does not answer; never beyond the deadline.
            stores: only these, by agent or store id; None for all that have a replica here and can be waited for.
            on_timeout: "raise" a BarrierTimeout that names what is missing, or return the "report".
            dry_run: do not wait, report what a barrier would wait for.
        """
        mode, faults = block() or (self.host.mode, self.host.faults)
        if dry_run and mode == "enforce":
            mode = "dry_run"
        if mode == "off":
            return BarrierReport(self.host.region, mode)
        wanted = self._wanted(stores)
        started_s = self.host.clock.now_s()
        waiting = Waiting(self.host, started_s + (self._bounded_s(timeout_s) if mode == "enforce" else 0.0))
        running, gone = waiting.branches()
        todo = inject(plan(context.current(), self._visible, wanted), faults)
        reached = waiting.positions(self._by_waiter(todo), faults.equality)
        report = conclude(
            todo.plan,
            {**reached, **{one: one.version for one in todo.assumed}},
            region=self.host.region,
            mode=mode,
            waited_s=self.host.clock.now_s() - started_s,
            running=running,
            gone=gone,
            injected=todo.notes,
            needs_equality=faults.equality,
        )
        if mode == "enforce":
            dependencies = tuple(tuple(dependency) for dependency in report.dependencies)
            self.host.note(Waited, started_s, dependencies, len(report.missing) + len(running))
            if not report.is_complete and on_timeout == "raise":
                raise BarrierTimeout(f"{report}.", report)
        return report

    def _wanted(self, stores: Iterable[str | Antipode] | None) -> Collection[str]:
        waited_for = {store for store, one in self._visible.items() if one.waiter is not None}
        if stores is None:
            return waited_for
        wanted = self._store_ids(stores)
        if refused := (wanted & self._visible.keys()) - waited_for:
            raise StoreError(f"barrier: nobody can wait for messages of store {min(refused)!r}; consume them.")
        return wanted

    def checkpoint(self, name: str) -> None:
        """Count that a request has passed here; once in a while look, in a thread, at what a barrier would wait for."""
        checkpoint = self.host.checkpoints.at(self.host.component, name)
        if checkpoint.is_due(self.host.clock.now_s()):
            pool("work").submit(contextvars.copy_context().run, self._look, checkpoint)

    def _look(self, checkpoint: Checkpoint) -> None:
        waiting = Waiting(self.host, self.host.clock.now_s())
        try:
            running, _ = waiting.branches()
            todo = Injected(plan(context.current(), self._visible, self._wanted(None)))
            reached = waiting.positions(self._by_waiter(todo))
        except (WeaverError, Cancelled):
            checkpoint.failed()
            return
        behind = dict.fromkeys([BRANCHES] if running else [], 0)
        for one, position in reached.items():
            if position < one.version:
                behind[one.store] = max(behind.get(one.store, 0), one.version - position)
        checkpoint.saw(behind)

    def _store_ids(self, stores: Iterable[str | Antipode]) -> set[str]:
        ids = {str(store) for store in stores}
        unknown = ids - {one.store for one in self._agents.values()}
        if unknown:
            known = sorted({one.store for one in self._agents.values()})
            name = min(unknown)
            raise ConfigError([f"barrier: no store {name!r}; configured: {', '.join(known)}.{nearest(name, known)}"])
        return ids

    def _bounded_s(self, timeout_s: float) -> float:
        left_s = self.host.remaining_s()
        return timeout_s if left_s is None else max(0.0, min(timeout_s, left_s - REPLY_MARGIN_S))

    def _by_waiter(self, todo: Injected) -> dict[Waiter, list[Dependency]]:
        by_waiter: dict[Waiter, list[Dependency]] = {}
        for store, dependencies in todo.plan.waits.items():
            waiter = self._visible[store].waiter
            assert waiter is not None  # else it is not planned
            if asked := [one for one in dependencies if one not in todo.assumed]:
                by_waiter.setdefault(waiter, []).extend(asked)
        return by_waiter


def open_datastores(
    configs: Iterable[AntipodeConfig],
    service: EmbeddedStoreService | None,
    host: Host,
    environ: Mapping[str, str] = types.MappingProxyType({}),
    pools: Pools | None = None,
) -> Datastores:
    """Return the stores of a deployment for one replica. Nothing is connected to before it is used.

    Args:
        configs: every [antipode.NAME] of the deployment, whether or not this replica has an agent for it.
        service: a handle to the deployment's EmbeddedStores, None where there are only real stores.
        host: the replica. One without a region is in the first region of every store.
        environ: where passwords come from.
        pools: the connections of this process; whoever made them closes them.
    """
    configs, pools = tuple(configs), pools or Pools()
    if service is None:
        configs = tuple(config for config in configs if config.servers is not None)
    agents = {config.name: _open(config, service, host, environ, pools) for config in configs}
    visible = {config.id for config in configs if not host.region or host.region in config.regions}
    return Datastores(host, agents, visible)


def _open(
    config: AntipodeConfig, service: EmbeddedStoreService | None, host: Host, environ: Mapping[str, str], pools: Pools
) -> Datastore:
    region = host.region or config.regions[0]
    if config.servers is None:
        assert service is not None  # as the deployment has an embedded store
        return EmbeddedDatastore(service, config.id, region)
    return open_store(config, region, config.servers.password_from(environ), host, pools)
