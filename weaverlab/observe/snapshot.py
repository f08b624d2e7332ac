"""A deployment at one moment, as frozen data that travels between processes and is nice to look at.

Who collects it (a deployer) and how it is drawn (`callgraph.py`) are not in here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add
from typing import Any, Literal

from weaverlab.observe.checkpoints import CheckpointCounts, merge_checkpoints
from weaverlab.observe.metrics import MethodCounts, merge
from weaverlab.observe.table import html_table, text_table
from weaverlab.observe.units import bytes_text, duration_text
from weaverlab.types import ReplicaInfo

State = Literal["starting", "running", "stopping", "stopped", "failed"]


@dataclass(frozen=True)
class ComponentInfo:
    """One component of the application; `region` is `""` when none was configured."""

    name: str
    region: str = ""
    is_main: bool = False


@dataclass(frozen=True)
class LagLink:
    """How far `target` trails `origin`, in words: `"100 ms"`, `"normal 100 ± 20 ms"`."""

    origin: str
    target: str
    lag: str


@dataclass(frozen=True)
class StoreInfo:
    """One datastore (or queue) behind an agent, the components that use it and its replication links."""

    name: str
    kind: str
    regions: tuple[str, ...] = ()
    links: tuple[LagLink, ...] = ()
    users: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListenerInfo:
    """A listener and where it can be reached; `address` is `""` before it is open."""

    name: str
    component: str
    address: str = ""


@dataclass(frozen=True)
class EdgeStats:
    """What went over one edge of the call graph; `method` is `"*"` when all methods are counted together."""

    caller: str
    callee: str
    method: str
    calls: int
    errors: int
    retries: int
    p50_s: float | None
    p95_s: float | None
    bytes: int


@dataclass(frozen=True)
class Snapshot:
    """What a deployment is and does right now.

    `edges` is the static call graph (declared refs), `counts` what was really called, by whom: a caller
    that is no component (a notebook, say) appears there under its own name.
    """

    deployment_id: str
    version: str
    deployer: str
    state: State
    components: tuple[ComponentInfo, ...]
    replicas: tuple[ReplicaInfo, ...] = ()
    edges: tuple[tuple[str, str], ...] = ()
    counts: tuple[MethodCounts, ...] = ()
    stores: tuple[StoreInfo, ...] = ()
    listeners: tuple[ListenerInfo, ...] = ()
    checkpoints: tuple[CheckpointCounts, ...] = ()

    def replicas_of(self, component: str) -> tuple[ReplicaInfo, ...]:
        """Return the replicas that host `component`; colocated components share theirs."""
        return tuple(replica for replica in self.replicas if component in replica.components)

    def calls(self) -> tuple[EdgeStats, ...]:
        """Return one `EdgeStats` for each (caller, callee, method) that was called, sorted."""
        groups: dict[tuple[str, str, str], list[MethodCounts]] = {}
        for one in merge(self.counts):
            groups.setdefault((one.key.caller, one.key.component, one.key.method), []).append(one)
        return tuple(_edge_stats(*key, counts) for key, counts in sorted(groups.items()))

    def edge_calls(self) -> dict[tuple[str, str], EdgeStats]:
        """Return what was called at least once over each (caller, callee), all methods together, sorted."""
        groups: dict[tuple[str, str], list[MethodCounts]] = {}
        for one in self.counts:
            if not one.calls:
                continue
            groups.setdefault((one.key.caller, one.key.component), []).append(one)
        return {key: _edge_stats(*key, "*", counts) for key, counts in sorted(groups.items())}

    def to_dict(self) -> dict[str, Any]:
        """Return this snapshot as JSON-ready values, the histograms summed up by `calls`."""
        facts = asdict(self)
        del facts["counts"]
        return {**facts, "calls": [asdict(stats) for stats in self.calls()]}

    def __str__(self) -> str:
        return "\n\n".join([self._headline(), *(text_table(headers, rows) for headers, rows in self._tables() if rows)])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        tables = "".join(html_table(headers, rows) for headers, rows in self._tables() if rows)
        return {"text/plain": str(self), "text/html": f"<p>{self._headline()}</p>{tables}"}

    def _headline(self) -> str:
        down = sum(not replica.healthy for replica in self.replicas)
        health = f", {down} of them down" if down else ""
        version = f" (version {self.version})" if self.version else ""  # single: nothing was shipped
        return (
            f"Deployment {self.deployment_id}{version}: {self.state} on {self.deployer}, "
            f"{_plural(len(self.components), 'component')} in {_plural(len(self.replicas), 'weavelet')}{health}"
        )

    def _tables(self) -> tuple[tuple[tuple[str, ...], list[tuple[object, ...]]], ...]:
        return (
            (("component", "region", "replicas", "healthy", "restarts", "pids"), self._component_rows()),
            (("replica", "state", "restarts", "last death"), self._trouble_rows()),
            (("listener", "component", "address"), [(x.name, x.component, x.address or "-") for x in self.listeners]),
            (("store", "kind", "regions", "lag", "used by"), [_store_row(store) for store in self.stores]),
            (
                ("caller", "callee", "method", "calls", "errors", "retries", "p50", "p95", "bytes"),
                [_call_row(stats) for stats in self.calls()],
            ),
            (
                ("checkpoint", "component", "passed", "looked at", "would wait", "behind", "for"),
                [_checkpoint_row(one) for one in merge_checkpoints(self.checkpoints)],
            ),
        )

    def _component_rows(self) -> list[tuple[object, ...]]:
        rows: list[tuple[object, ...]] = []
        for component in self.components:
            replicas = self.replicas_of(component.name)
            healthy, restarts = sum(r.healthy for r in replicas), sum(r.restarts for r in replicas)
            pids = " ".join(str(replica.pid) for replica in replicas) or "-"
            rows.append((component.name, component.region or "-", len(replicas), healthy, restarts, pids))
        return rows

    def _trouble_rows(self) -> list[tuple[object, ...]]:
        """Return the replicas that do not serve, or had to be started again, and why."""
        return [
            (replica.id, replica.state, replica.restarts, replica.last_death.partition("\n")[0] or "-")
            for replica in self.replicas
            if replica.last_death or replica.state in ("unresponsive", "paused", "dead")
        ]


def _edge_stats(caller: str, callee: str, method: str, counts: Iterable[MethodCounts]) -> EdgeStats:
    total = reduce(add, counts)
    traffic = total.request_bytes + total.reply_bytes
    return EdgeStats(
        caller, callee, method, total.calls, total.errors, total.retries, total.p50_s, total.p95_s, traffic
    )


def _call_row(stats: EdgeStats) -> tuple[object, ...]:
    return (
        stats.caller, stats.callee, stats.method, stats.calls, stats.errors, stats.retries,
        duration_text(stats.p50_s), duration_text(stats.p95_s), bytes_text(stats.bytes),
    )  # fmt: skip


def _checkpoint_row(one: CheckpointCounts) -> tuple[object, ...]:
    share = "-" if one.missing_share is None else f"{one.missing_share:.0%}"
    behind = f"up to {one.behind_max}" if one.missing else "-"
    return one.name, one.component, one.passed, one.looked, share, behind, " ".join(one.stores) or "-"


def _store_row(store: StoreInfo) -> tuple[object, ...]:
    lags = ", ".join(f"{link.origin}->{link.target} {link.lag}" for link in store.links)
    return store.name, store.kind, " ".join(store.regions) or "-", lags or "-", " ".join(store.users) or "-"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
