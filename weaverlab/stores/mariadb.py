"""MariaDB: a version is a sequence number of a global transaction id, and a barrier waits in the server.

    domain-server-sequence        0-1-1042: the scope is 0-1, the version 1042

A write learns its own id from its session (`@@last_gtid`), whatever others commit meanwhile. A barrier calls
MASTER_GTID_WAIT on the replica, which wakes it when the replication thread has committed that id. Within one domain
there is one order of sequence numbers; the server's number tells a failover, after which another server gives them.
What the primary has in its binary log, by server (`@@gtid_binlog_state`), is its history. A store has one domain.

Not in here: how rows are written (`sql`, `mysql_client`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from weaverlab.antipode import Dependency
from weaverlab.config import AntipodeConfig
from weaverlab.errors import StoreError
from weaverlab.stores.host import Host
from weaverlab.stores.mysql_client import MysqlConnection, MysqlFamily
from weaverlab.stores.pool import Pools
from weaverlab.stores.server import ServerStore

Ids = Mapping[tuple[int, int], int]  # (domain, server) -> the last sequence number


class MariadbLog(NamedTuple):
    """What a server has applied, and what stands in its binary log; the former has one entry for each domain."""

    applied: Ids
    logged: Ids

    def position(self, dependency: Dependency) -> int | None:
        return self.applied.get(ids_of(dependency.scope)) if self.applied else 0

    def current(self, dependency: Dependency) -> Dependency | None:
        domain, server = ids_of(dependency.scope)
        last = max(self.logged.get((domain, server), 0), self.applied.get((domain, server), 0))
        if last < dependency.version:
            return None
        now = next((server for other, server in self.applied if other == domain), server)
        return dependency._replace(scope=f"{domain}-{now}")


class MariadbDriver(MysqlFamily):
    """MariaDB in the words of `stores.driver`."""

    key_type = "VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
    needs = "log_bin", "@@log_bin"

    def written(self, connection: MysqlConnection) -> Dependency:
        rows, _ = self.run(connection, "SELECT @@last_gtid, @@gtid_binlog_pos")
        own, all_ids = rows[0]
        if own == connection.last_position:  # this change changed nothing: what was there before may be newer
            return self._dependency(connection, all_ids)
        connection.last_position = own
        return self._dependency(connection, own)

    def applied(self, connection: MysqlConnection) -> Dependency:
        # A replica that logs what it applies does so before it shows it, and counts it as applied just after.
        [(applied, logged)], _ = self.run(connection, "SELECT @@gtid_current_pos, @@gtid_binlog_pos")
        return self._dependency(connection, newest(applied, logged))

    def log(self, connection: MysqlConnection) -> MariadbLog:
        [(applied, logged)], _ = self.run(connection, "SELECT @@gtid_current_pos, @@gtid_binlog_state")
        return MariadbLog(parse(applied), parse(logged))

    def wait(self, connection: MysqlConnection, wanted: Dependency, timeout_s: float) -> None:
        self.run(connection, "SELECT MASTER_GTID_WAIT(%s, %s)", (f"{wanted.scope}-{wanted.version}", timeout_s))

    def trouble(self, connection: MysqlConnection, is_primary: bool) -> str:
        [(is_logging, is_read_only)], _ = self.run(connection, "SELECT @@log_bin, @@read_only")
        if is_primary and not is_logging:
            return "it has no binary log (log_bin), so nothing can follow it"
        return "it is read only, and nothing can be written to it" if is_primary and is_read_only else ""

    def _dependency(self, connection: MysqlConnection, ids: str) -> Dependency:
        if not ids:  # nothing has been logged yet: what there is was there before
            [(domain, server)], _ = self.run(connection, "SELECT @@gtid_domain_id, @@server_id")
            return Dependency(self.store, f"{domain}-{server}", 0)
        found = parse(ids)
        if len(found) != 1:
            raise StoreError(
                f"store {self.store!r}: the server has positions in {len(found)} replication domains "
                f"({ids}); expected one: all that a store replicates needs one gtid_domain_id."
            )
        [((domain, server), sequence)] = found.items()
        return Dependency(self.store, f"{domain}-{server}", sequence)


def open_store(
    config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools
) -> ServerStore[MysqlConnection]:
    """Return the store that `config` describes, as seen from `region`."""
    return ServerStore(MariadbDriver(config), config, region, password, host, pools)


def parse(ids: str) -> dict[tuple[int, int], int]:
    """Return `{(0, 1): 1042}` from "0-1-1042", and so on for each of a list with commas."""
    parts = (tuple(map(int, one.strip().split("-"))) for one in ids.split(",") if one.strip())
    return {(domain, server): sequence for domain, server, sequence in parts}


def newest(*lists: str) -> str:
    """Return the id with the highest sequence number of each domain, in the form of the lists."""
    best: dict[int, tuple[int, int]] = {}
    for (domain, server), sequence in (one for ids in lists for one in parse(ids).items()):
        best[domain] = max(best.get(domain, (-1, 0)), (sequence, server))
    return ",".join(f"{domain}-{server}-{sequence}" for domain, (sequence, server) in best.items())


def ids_of(scope: str) -> tuple[int, int]:
    """Return (domain, server) from a scope; (-1, -1), which no server has, for one of another kind of store."""
    domain, _, server = scope.partition("-")
    return (int(domain), int(server)) if domain.isdecimal() and server.isdecimal() else (-1, -1)
