"""All datastores of a deployment as one replica sees them: makes its agents, and runs its barriers.

A barrier asks all stores at once: those that share a waiter (all embedded ones) in one round trip, others in threads
beside it. What a barrier waits for, and how it reports, is decided in `antipode.barrier`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from weaverlab.antipode import Dependency, context
from weaverlab.antipode.barrier import TIMEOUT_S, BarrierReport, OnTimeout, Plan, block_mode, conclude, plan
from weaverlab.errors import BarrierTimeout, ConfigError, nearest
from weaverlab.history import Waited
from weaverlab.stores.agent import Antipode
from weaverlab.stores.datastore import Datastore, Waiter
from weaverlab.stores.embedded import EmbeddedDatastore
from weaverlab.stores.host import Host
from weaverlab.stores.service import EmbeddedStoreService

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
            timeout_s: at most this long, and not beyond the current deadline.
            stores: only these, by agent or store id; None for all that have a replica here.
            on_timeout: "raise" a BarrierTimeout that names what is missing, or return the "report".
            dry_run: do not wait, report what a barrier would wait for.
        """
        mode = block_mode() or self.host.mode
        if dry_run and mode == "enforce":
            mode = "dry_run"
        if mode == "off":
            return BarrierReport(self.host.region, mode)
        wanted = None if stores is None else self._store_ids(stores)
        planned = plan(context.current(), self._visible, wanted)
        started_s = self.host.clock.now_s()
        positions = self._wait(planned, self._bounded_s(timeout_s) if mode == "enforce" else 0.0)
        waited_s = self.host.clock.now_s() - started_s
        report = conclude(planned, positions, region=self.host.region, mode=mode, waited_s=waited_s)
        if mode == "enforce":
            dependencies = tuple(tuple(dependency) for dependency in report.dependencies)
            self.host.note(Waited, started_s, dependencies, len(report.missing))
            if report.missing and on_timeout == "raise":
                raise BarrierTimeout(f"{report}.", report)
        return report

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

    def _wait(self, planned: Plan, timeout_s: float) -> dict[Dependency, int]:
        by_waiter: dict[Waiter, list[Dependency]] = {}
        for store, dependencies in planned.waits.items():
            by_waiter.setdefault(self._visible[store].waiter, []).extend(dependencies)
        return wait_for_all(by_waiter, timeout_s)


def wait_for_all(by_waiter: Mapping[Waiter, list[Dependency]], timeout_s: float) -> dict[Dependency, int]:
    """Ask every waiter at the same time; return the positions that all of them reached."""
    if not by_waiter:
        return {}
    (first, wanted), *others = by_waiter.items()
    if not others:
        return dict(first.wait(wanted, timeout_s))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(len(others)) as pool:
        futures = [pool.submit(waiter.wait, dependencies, timeout_s) for waiter, dependencies in others]
        positions = dict(first.wait(wanted, timeout_s))
        for future in futures:
            positions.update(future.result())
    return positions


def open_datastores(configs: Iterable[AntipodeConfig], service: EmbeddedStoreService, host: Host) -> Datastores:
    """Return the stores of a deployment for one replica.

    Args:
        configs: every [antipode.NAME] of the deployment, whether or not this replica has an agent for it.
        service: a handle to the deployment's EmbeddedStores.
        host: the replica. One without a region is in the first region of every store.
    """
    configs = tuple(configs)
    agents = {
        config.name: EmbeddedDatastore(service, config.id, host.region or config.regions[0]) for config in configs
    }
    visible = {config.id for config in configs if not host.region or host.region in config.regions}
    return Datastores(host, agents, visible)
