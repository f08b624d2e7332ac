"""All deployments of this user in one table. All are asked at once, so one that hangs does not keep others waiting."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from weaverlab import registry
from weaverlab.clock import SystemClock
from weaverlab.deployers import attach
from weaverlab.deployers.attached import ANSWER_TIMEOUT_S
from weaverlab.errors import AttachError
from weaverlab.observe import Snapshot, text_table
from weaverlab.registry import Record

ASKED_AT_ONCE_MAX = 16
_HEADERS = ("id", "app", "deployer", "state", "components", "weavelets", "healthy", "pid", "age")


@dataclass(frozen=True)
class Listed:
    """One deployment, as its file and, where it answered, it itself describe it; else `problem` says why not."""

    record: Record
    snapshot: Snapshot | None
    problem: str = ""


def list_deployments(deployer: str | None = None, patience_s: float = ANSWER_TIMEOUT_S) -> list[Listed]:
    """Return the running deployments, oldest first, all or those of one deployer, in `patience_s` seconds."""
    records = registry.running(deployer)
    if not records:
        return []
    with ThreadPoolExecutor(min(len(records), ASKED_AT_ONCE_MAX)) as pool:
        return [one for one in pool.map(partial(_ask, patience_s), records) if one is not None]


def listing_text(deployments: Sequence[Listed]) -> str:
    """Return the table, and below it what is wrong with those that do not answer."""
    now_s = SystemClock.wall_s()
    table = text_table(_HEADERS, [_row(one, now_s) for one in deployments])
    return "\n".join([table, *(one.problem for one in deployments if one.problem)])


def listing_dict(one: Listed) -> dict[str, Any]:
    """Return one deployment as JSON-ready values; what only itself could tell is None where it did not answer."""
    record, snapshot = one.record, one.snapshot
    return {
        "id": record.id,
        "app": record.app,
        "deployer": record.deployer,
        "state": snapshot.state if snapshot else None,
        "version": snapshot.version if snapshot else None,
        "components": len(snapshot.components) if snapshot else None,
        "weavelets": len(snapshot.replicas) if snapshot else None,
        "healthy": sum(replica.healthy for replica in snapshot.replicas) if snapshot else None,
        "pid": record.pid,
        "started_s": record.started_s,
        "weaverlab_version": record.weaverlab_version,
        "problem": one.problem,
    }


def _ask(patience_s: float, record: Record) -> Listed | None:
    """Return what there is to say of one deployment; None when it ended just now."""
    try:
        with contextlib.closing(attach(record, patience_s)) as deployment:
            return Listed(record, deployment.status())
    except AttachError as error:
        return Listed(record, None, str(error)) if registry.is_running(record) else None


def _row(one: Listed, now_s: float) -> tuple[object, ...]:
    facts = listing_dict(one)
    state = facts["state"] or "no answer"
    numbers = (facts["components"], facts["weavelets"], facts["healthy"])
    return (
        facts["id"],
        facts["app"],
        facts["deployer"],
        state,
        *numbers,
        facts["pid"],
        _age(now_s - facts["started_s"]),
    )


def _age(age_s: float) -> str:
    """Return a span of time in its largest whole unit: `"41 s"`, `"3 min"`, `"5 h"`, `"2 d"`."""
    for unit, unit_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if age_s >= unit_s:
            return f"{age_s // unit_s:.0f} {unit}"
    return f"{max(age_s, 0):.0f} s"
