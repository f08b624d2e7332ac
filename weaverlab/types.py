"""Small frozen values that several packages share. No behaviour lives here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

KeyPart: TypeAlias = "int | float | str"
Key: TypeAlias = "KeyPart | tuple[KeyPart, ...]"  # what calls are routed by

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")  # least first

ReplicaState: TypeAlias = Literal["starting", "ready", "unresponsive", "paused", "dead", "stopping", "stopped"]


@dataclass(frozen=True)
class WeaverInfo:
    """Facts about the running replica; a component reads them as `self.weaver`."""

    deployment_id: str
    component: str
    replica: str
    pid: int
    version: str
    region: str


@dataclass(frozen=True)
class ReplicaInfo:
    """One weavelet as its deployer sees it.

    `id` is `GROUP/N`, `components` the names it hosts, `address` where its server listens (`""` in a
    single-process deployment), `restarts` how often this place was filled again after a death.

    `state` is "starting" until every `init` has ended, then "ready"; "unresponsive" while it does not answer its
    deployer, "paused" by `app.pause`, "dead" until it is started again, "stopping" and "stopped" when `app.scale` takes
    it away. It is `healthy` when ready. `last_death` says how the process before this one ended, and in further lines
    what it said last; `""` if there was none.
    """

    id: str
    components: tuple[str, ...]
    pid: int
    address: str
    healthy: bool
    restarts: int
    state: ReplicaState = "ready"
    last_death: str = ""
