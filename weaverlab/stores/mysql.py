"""MySQL 8: a version is a transaction number of one server, and a barrier waits in the replica.

    server:number         3e11fa47-71ca-11e1-9e33-c80aa9429562:23      scope 3e11fa4771ca, version 23

A write learns its own id from the answer to its commit (`session_track_gtids = OWN_GTID`), whatever others commit
meanwhile. A barrier calls WAIT_FOR_EXECUTED_GTID_SET. A set of ids says exactly what a server has, by server, so a
write that was lost in a failover is missing on the new primary. Replicas must commit in the order of their primary
(`replica_preserve_commit_order`, the default since 8.0.27).

This driver has never met a server, as none was at hand: only its pure functions are tested. See docs/stores.md.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pymysql.constants import CLIENT

from weaverlab.antipode import Dependency
from weaverlab.config import AntipodeConfig
from weaverlab.errors import StoreError
from weaverlab.stores.host import Host
from weaverlab.stores.mysql_client import MysqlConnection, MysqlFamily
from weaverlab.stores.pool import Endpoint, Pools
from weaverlab.stores.server import ServerStore

SCOPE_DIGITS = 12  # of the 32 of a server's id: as good as unique, and a lineage stays small
UNKNOWN_SERVER_S = 0.05  # between two looks for the first transaction of a server
TRACK_GTIDS = 3  # the type of this entry in the session state that an answer carries

Interval = tuple[int, int]  # first and last
Sets = Mapping[str, Sequence[Interval]]  # by server


class MysqlLog(NamedTuple):
    """What a server has executed, its own and others' transactions."""

    executed: Sets

    def position(self, dependency: Dependency) -> int | None:
        server = server_of(dependency.scope, self.executed)
        if server is None:
            return None
        before = [last for first, last in self.executed[server] if first <= dependency.version]
        return max(before, default=0)

    def current(self, dependency: Dependency) -> Dependency | None:
        position = self.position(dependency)
        return None if position is None or position < dependency.version else dependency


class MysqlDriver(MysqlFamily):
    """MySQL in the words of `stores.driver`."""

    key_type = "VARCHAR(512) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"
    flags = MysqlFamily.flags | CLIENT.SESSION_TRACK
    needs = "log_bin and gtid_mode = ON", "@@log_bin AND @@gtid_mode = 'ON'"

    def connect(self, endpoint: Endpoint, timeout_s: float) -> MysqlConnection:
        connection = super().connect(endpoint, timeout_s)
        self.run(connection, "SET SESSION session_track_gtids = OWN_GTID")
        return connection

    def run(
        self, connection: MysqlConnection, sql: str, parameters: Sequence[Any] = ()
    ) -> tuple[list[tuple[Any, ...]], int]:
        answer = super().run(connection, sql, parameters)
        connection.last_position = own_id(connection._result.message or b"") or connection.last_position
        return answer

    def check(self, connection: MysqlConnection) -> None:
        super().check(connection)
        connection.last_position = ""

    def written(self, connection: MysqlConnection) -> Dependency:
        if not connection.last_position:  # this change changed nothing: what was there before may be newer
            return self.applied(connection)
        [(server, [(_, number)])] = parse(connection.last_position).items()
        return Dependency(self.store, scope_of(server), number)

    def applied(self, connection: MysqlConnection) -> Dependency:
        [(own, executed)], _ = self.run(connection, "SELECT @@server_uuid, @@GLOBAL.gtid_executed")
        sets = parse(executed)
        server = own if own in sets else next(iter(sets)) if len(sets) == 1 else self._source(connection)
        if server not in sets:
            raise StoreError(
                f"store {self.store!r}: nothing has been executed here that a position could be taken from."
            )
        return Dependency(self.store, scope_of(server), sets[server][-1][1])

    def log(self, connection: MysqlConnection) -> MysqlLog:
        return MysqlLog(parse(self.run(connection, "SELECT @@GLOBAL.gtid_executed")[0][0][0]))

    def wait(self, connection: MysqlConnection, wanted: Dependency, timeout_s: float) -> None:
        server = server_of(wanted.scope, self.log(connection).executed)
        if server is None:
            self.run(connection, "SELECT SLEEP(%s)", (min(timeout_s, UNKNOWN_SERVER_S),))
            return
        # Whole seconds, at least one: less would mean no limit at all.
        self.run(
            connection,
            "SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)",
            (f"{server}:{wanted.version}", math.ceil(timeout_s)),
        )

    def trouble(self, connection: MysqlConnection, is_primary: bool) -> str:
        [(is_logging, is_read_only)], _ = self.run(connection, f"SELECT {self.needs[1]}, @@read_only")
        if is_primary and not is_logging:
            return f"nothing can follow it without {self.needs[0]}"
        return "it is read only, and nothing can be written to it" if is_primary and is_read_only else ""

    def _source(self, connection: MysqlConnection) -> str:
        """Return the server that this replica follows, whose transactions come after all that it had itself."""
        asking = "SELECT MAX(SOURCE_UUID) FROM performance_schema.replication_connection_status"
        return str(self.run(connection, asking)[0][0][0] or "")


def open_store(
    config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools
) -> ServerStore[MysqlConnection]:
    """Return the store that `config` describes, as seen from `region`."""
    return ServerStore(MysqlDriver(config), config, region, password, host, pools)


def scope_of(server: str) -> str:
    """Return the scope of a server's transactions."""
    return server.replace("-", "")[:SCOPE_DIGITS]


def server_of(scope: str, sets: Sets) -> str | None:
    """Return the server in `sets` that a scope stands for."""
    return next((server for server in sets if scope_of(server) == scope), None)


def parse(ids: str) -> dict[str, list[Interval]]:
    """Return `{server: [(1, 5), (7, 7)]}` from "server:1-5:7, ..."; tags of MySQL 8.3 and newer are left out."""
    sets: dict[str, list[Interval]] = {}
    for one in re.sub(r"\s", "", ids).split(","):
        server, *parts = one.lower().split(":")
        for part in parts:
            first, _, last = part.partition("-")
            if first.isdecimal():
                sets.setdefault(server, []).append((int(first), int(last or first)))
    return {server: sorted(intervals) for server, intervals in sets.items()}


def own_id(message: bytes) -> str:
    """Return the transaction id in the session state behind an OK packet's message, "" when it has none.

    Source: MySQL's protocol documentation, OK_Packet with CLIENT_SESSION_TRACK: a text with its length, then the
    session state with its length: entries of a type, a length and data, which for ids is a byte and a text.
    """
    _, at = _text(message, 0)
    state, _ = _text(message, at)
    at = 0
    while at < len(state):
        kind = state[at]
        data, at = _text(state, at + 1)
        if kind == TRACK_GTIDS:
            return _text(data, 1)[0].decode()
    return ""


def _text(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the text whose length stands at `at`, and where it ends; b"" at the end of the data."""
    if at >= len(data):
        return b"", at
    width = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(data[at], 0)
    length = int.from_bytes(data[at + 1 : at + 1 + width], "little") if width else data[at]
    start = at + 1 + width
    return data[start : start + length], start + length
