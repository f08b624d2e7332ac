"""weaver.toml as frozen values. How text becomes these is in `reading`; nothing in here checks anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

DEFAULT_REGION = "local"  # the region of whatever [regions] does not place

Balance = Literal["round_robin", "least_loaded"]
LagKind = Literal["constant", "uniform", "normal", "exponential"]


@dataclass(frozen=True)
class Lag:
    """A replication lag in milliseconds.

    `constant` is `a`; `uniform` lies between `a` and `b`; `normal` has mean `a` and standard deviation `b`;
    `exponential` has mean `a`. Unused parameters are 0.
    """

    kind: LagKind = "constant"
    a: float = 0.0
    b: float = 0.0


@dataclass(frozen=True)
class WeaverlabSection:
    """[weaverlab]: the application as a whole.

    `app` is a file relative to weaver.toml, `call_timeout_s` the deadline of a call that sets none, `barriers` what
    every barrier does unless a block says otherwise: wait, report what it would have waited for, or nothing.
    `implementations` says which component refs to an interface mean that has several: `{ Cache = "LRUCache" }`.
    """

    app: str = ""
    call_timeout_s: float = 30.0
    barriers: Literal["enforce", "dry_run", "off"] = "enforce"
    implementations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SingleSection:
    """[single]: addresses of listeners when everything runs in one process."""

    listeners: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MultiSection:
    """[multi]: how components become processes of this machine.

    `restarts_max` is how many times in a row one replica may die before the deployment fails. `balance` says which of
    several replicas takes a call without a key: each in turn, or the one that has the fewest calls. With `mtls`,
    weavelets speak TLS, prove by certificates who they are, and may call only what their components have refs to.
    """

    replicas: dict[str, int] = field(default_factory=dict)
    colocate: tuple[tuple[str, ...], ...] = ()
    start_method: Literal["forkserver", "spawn"] = "forkserver"
    restarts_max: int = 5
    balance: Balance = "round_robin"
    mtls: bool = False
    listeners: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AntipodeConfig:
    """[antipode.NAME]: the datastore behind the agents of that name; `links` has every ordered pair of its regions."""

    name: str
    type: Literal["embedded-kv", "embedded-queue"]
    id: str
    regions: tuple[str, ...]
    seed: int | None
    links: dict[tuple[str, str], Lag]

    def lag(self, origin: str, target: str) -> Lag:
        """Return the lag of writes made in `origin` on their way to `target`; none within a region."""
        return self.links.get((origin, target), Lag())


@dataclass(frozen=True)
class Config:
    """A whole weaver.toml. `components` holds raw sections; `section()` types them with a WithConfig class.

    `environ` is the environment at the time of the deployment, from which `secret` settings are taken. Both may hold
    secrets and are not shown. With `faults`, which a plan reports together with its own, it is for checking names only.
    """

    weaverlab: WeaverlabSection = field(default_factory=WeaverlabSection)
    multi: MultiSection = field(default_factory=MultiSection)
    single: SingleSection = field(default_factory=SingleSection)
    regions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    antipode: dict[str, AntipodeConfig] = field(default_factory=dict)
    components: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    source: str = "weaver.toml"
    environ: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    faults: tuple[str, ...] = ()

    def region_of(self, component: str) -> str:
        """Return the region that [regions] gives `component`, or `DEFAULT_REGION`."""
        return next((region for region, members in self.regions.items() if component in members), DEFAULT_REGION)
