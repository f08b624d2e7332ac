"""A group of real servers as its user holds it. The servers themselves are kept by another process (`keeper`)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from weaverlab.errors import ConfigError
from weaverlab.servers import programs, records
from weaverlab.servers.control import GroupGone, ask, password_variable
from weaverlab.servers.keeper_process import KeeperProcess
from weaverlab.servers.kind import USER
from weaverlab.servers.lag import MeasuredLag
from weaverlab.servers.spec import KindName, Spec
from weaverlab.servers.state import GroupState


class Group:
    """A primary and its replicas, until the block ends that `up` opened. Its repr never shows the password."""

    def __init__(self, described: dict[str, Any], keeper: KeeperProcess | None = None) -> None:
        state = GroupState.of(described)
        self._keeper = keeper
        self._lag = state.lag
        self.name = state.name
        self.kind = state.kind
        self.folder = Path(state.folder)  # the servers' logs and data are there
        self.primary, *replicas = state.servers
        self.replicas = tuple(replicas)
        self.user = USER
        self.password: str = described["password"]
        self.password_variable = password_variable(self.name)

    @property
    def lag(self) -> MeasuredLag:
        """How late the replicas were when it was last measured. Raises ServerError when there are none."""
        return self._lag or self.measure_lag()

    def measure_lag(self) -> MeasuredLag:
        """Measure anew how late the replicas are. Takes the lag and 0.15 s. Raises ServerError."""
        self._lag = MeasuredLag(**self._ask("measure_lag"))
        return self._lag

    def section(self, regions: Sequence[str]) -> dict[str, Any]:
        """Return what an [antipode.NAME] section says of this group: the primary is in the first region.

        The password is not in it, only the environment variable that holds it. Raises ConfigError when there are not as
        many regions as servers.
        """
        servers = (self.primary, *self.replicas)
        if len(regions) != len(servers) or len(set(regions)) != len(regions):
            raise ConfigError(
                [f"regions {list(regions)}: expected {len(servers)} different names, one for each server"]
            )
        by_region = dict(zip(regions, servers, strict=True))
        databases = {region: server.database for region, server in by_region.items()}
        return {
            "type": self.kind,
            "regions": list(regions),
            "servers": {region: server.address for region, server in by_region.items()},
            "user": self.user,
            "password": {"env": self.password_variable},
            "database": servers[0].database if len(set(databases.values())) == 1 else databases,
        }

    def pause(self) -> None:
        """Pause replication: what is written from now on reaches no replica until `resume`."""
        self._ask("pause")

    def resume(self) -> None:
        """Go on with replication. What was held back arrives at once, in order."""
        self._ask("resume")

    def stop_primary(self) -> None:
        """Stop the primary in order. Its data stay."""
        self._ask("stop", node="primary")

    def start_primary(self) -> None:
        """Start the primary that was stopped, at the same address, with its data; return when it serves."""
        self._ask("start", node="primary")

    def stop_replica(self, number: int = 0) -> None:
        """Stop a replica in order. Its data stay."""
        self._ask("stop", node=self.replicas[number].name)

    def start_replica(self, number: int = 0) -> None:
        """Start a replica that was stopped, at the same address, with its data; return when it follows again."""
        self._ask("start", node=self.replicas[number].name)

    def reseed_replica(self, number: int = 0) -> None:
        """Throw a replica's data away and let it copy the primary's anew; return when it follows."""
        self._ask("reseed", node=self.replicas[number].name)

    def stay(self) -> None:
        """Let the servers outlive the block and this process, until `down`, or `weaverlab servers down`."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.stay()

    def down(self) -> None:
        """End all servers and remove all files; idempotent. Leaving the block does it too."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.end()
        else:
            with contextlib.suppress(GroupGone):
                self._ask("down")
        if os.environ.get(self.password_variable) == self.password:
            del os.environ[self.password_variable]

    def state(self) -> GroupState:
        """Return what runs now. Raises ServerError when nothing does."""
        return GroupState.of(self._ask("describe"))

    def __enter__(self) -> Group:
        return self

    def __exit__(self, kind: object, error: object, trace: TracebackType | None) -> None:
        if self._keeper is not None:
            self.down()

    def __repr__(self) -> str:
        replicas = ", ".join(server.address for server in self.replicas) or "none"
        return f"<{self.name}: primary {self.primary.address}, replicas {replicas}, lag {self._lag or 'not measured'}>"

    def _ask(self, do: str, **arguments: Any) -> Any:
        return ask(self.folder, do, **arguments)


def up(kind: KindName, *, replicas: int = 1, lag_ms: float = 0.0, jitter_ms: float = 0.0) -> Group:
    """Start real servers on this machine: `with servers.up("mariadb", lag_ms=100) as group:`.

    Returns when the replicas follow and their lag has been measured: after 0.4 (Redis) to 6 s (RabbitMQ) and the lag.
    For the time of the block an environment variable, `group.password_variable`, holds the password. Everything is gone
    afterwards, also when this process is killed.

    Raises:
        ConfigError: with everything that is wrong with the arguments.
        ServerError: this machine lacks a program, or a server does not start; says what to do, or its last words.
    """
    spec = Spec(kind, replicas, lag_ms, jitter_ms)
    spec.check()
    programs.check(kind)
    keeper = KeeperProcess()
    try:
        group = Group(keeper.start(spec), keeper)
    except BaseException:
        keeper.end()
        raise
    os.environ[group.password_variable] = group.password
    return group


def running() -> list[Group]:
    """Return the groups of this user that run, by name, whoever has started them. What killed ones left is removed."""
    groups = []
    for record in records.running():
        with contextlib.suppress(GroupGone, KeyError):  # just now; a keeper of another version, with other words
            groups.append(Group(ask(Path(record.folder), "describe")))
    return groups
