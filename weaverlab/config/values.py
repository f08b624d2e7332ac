"""weaver.toml as frozen values. How text becomes these is in `reading`; nothing in here checks anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

DEFAULT_REGION = "local"  # the region of whatever [regions] does not place

Balance = Literal["round_robin", "least_loaded"]
EmbeddedType = Literal["embedded-kv", "embedded-queue"]
ServerType = Literal["redis", "mariadb", "mysql", "postgres", "mongodb", "rabbitmq"]
StoreType = Literal[EmbeddedType, ServerType]
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
class BarrierFaults:
    """[weaverlab] barrier_faults: what barriers do wrong on purpose, in a lab (`antipode.faults`).

    `drop` and `wrong_replica` are shares of all dependencies, from 0 to 1; `seed` decides which these are.
    """

    drop: float = 0.0
    wrong_replica: float = 0.0
    equality: bool = False
    seed: int = 0

    def validate(self) -> None:
        """Raise ValueError for what is no share."""
        for name, share in (("drop", self.drop), ("wrong_replica", self.wrong_replica)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name}: expected a share from 0 to 1, saw {share}")


NO_FAULTS = BarrierFaults()


@dataclass(frozen=True)
class WeaverlabSection:
    """[weaverlab]: the application as a whole.

    `app` is a file relative to weaver.toml, `call_timeout_s` the deadline of a call that sets none, `barriers` what
    every barrier does unless a block says otherwise: wait, report what it would have waited for, or nothing; and
    `barrier_faults` what it does wrong.
    `implementations` says which component refs to an interface mean that has several: `{ Cache = "LRUCache" }`.
    With `time_local_calls` the calls between components of one process are timed, too, and not only counted.
    """

    app: str = ""
    call_timeout_s: float = 30.0
    barriers: Literal["enforce", "dry_run", "off"] = "enforce"
    barrier_faults: BarrierFaults = NO_FAULTS
    implementations: dict[str, str] = field(default_factory=dict)
    time_local_calls: bool = False


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
class TableConfig:
    """[antipode.NAME.tables.TABLE]: a table that other programs use too, with the names of its columns.

    `lineage` is a column for lineages, which only we use; where it is "", they are kept in a table beside this one.
    """

    name: str
    key: str
    value: str
    lineage: str


@dataclass(frozen=True)
class ServersConfig:
    """How the servers of a real store are reached: one address for each region, "host:port" or the path of a socket.

    Everything is written in region `primary`. `databases` has one for each region, "" for the server's default. `tls`
    is the path of a file of authorities, or whether the system's are asked. The password comes from the environment of
    whoever deploys where `password_variable` names it, as in docs/decisions/0014.
    """

    addresses: dict[str, str]
    primary: str
    user: str = ""
    password: str = field(default="", repr=False)
    password_variable: str = ""
    databases: dict[str, str] = field(default_factory=dict)
    tls: bool | str = False
    create_tables: bool = True
    tables: dict[str, TableConfig] = field(default_factory=dict)

    def password_from(self, environ: Mapping[str, str]) -> str:
        """Return the password, wherever it stands."""
        return environ.get(self.password_variable, "") if self.password_variable else self.password


@dataclass(frozen=True)
class AntipodeConfig:
    """[antipode.NAME]: the datastore behind the agents of that name.

    An embedded store has `links`, for every ordered pair of its regions; a real one has `servers`.
    """

    name: str
    type: StoreType
    id: str
    regions: tuple[str, ...]
    seed: int | None
    links: dict[tuple[str, str], Lag]
    servers: ServersConfig | None = None

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
