"""Small frozen values that several packages share. No behaviour lives here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

KeyPart: TypeAlias = "int | float | str"
Key: TypeAlias = "KeyPart | tuple[KeyPart, ...]"  # what calls are routed by


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
    """

    id: str
    components: tuple[str, ...]
    pid: int
    address: str
    healthy: bool
    restarts: int
