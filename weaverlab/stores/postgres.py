"""PostgreSQL: a version is a position in the write-ahead log, and a barrier polls its replica's replay position.

The scope is the system identifier, which a cluster gets when it is made and its replicas share, and the timeline,
which begins anew at every promotion. Which part of an older timeline a newer one has inherited stands in the primary's
history file. A standby says its timeline to members of `pg_monitor` only, and without it a position means nothing.

What a row that was read depends on is asked in a second statement, as PostgreSQL shows a row some microseconds before
it counts its commit as replayed. Up to version 18 there is no way to let a standby wait. Not in here: how rows are
written (`sql`).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

import psycopg
from psycopg import errors

from weaverlab.antipode import Dependency
from weaverlab.config import AntipodeConfig
from weaverlab.errors import StoreError
from weaverlab.stores.driver import Failure
from weaverlab.stores.host import Host
from weaverlab.stores.pool import Endpoint, Pools
from weaverlab.stores.server import ServerStore
from weaverlab.stores.sql import MissingTable, SqlDriver

PAGE_BYTES = 8192  # of the log, and so are the two headers; what nearly all servers are built with
PAGE_HEADER_BYTES, SEGMENT_HEADER_BYTES = 24, 40
SYSTEM_BITS = 48  # of the identifier: as good as unique, and a lineage stays small
VALUE_BYTES_MAX = 1_000_000_000  # what a field may hold, less a little: 1 GiB
ENDED = {"57P01", "57P02", "57P03", "57P05"}  # the server is shutting down, has crashed, is starting up, was idle

_POSITION = """
SELECT pg_is_in_recovery(),
       (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END) - '0/0',
       (CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli FROM pg_stat_wal_receiver)
             ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END)
"""
_TIMELINE_ON_DISK = """
SELECT max(('x' || left(name, 8))::bit(32)::int) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'
"""


class PostgresLog(NamedTuple):
    """Where a server is: its cluster and timeline, how far it has come, and which older timelines that includes."""

    system: str
    timeline: int
    applied: int
    inherited: Mapping[int, int] | None = None  # older timeline -> where it was left; None when that is not known

    def position(self, dependency: Dependency) -> int | None:
        return self.applied if dependency.scope == scope_of(self.system, self.timeline) else None

    def current(self, dependency: Dependency) -> Dependency | None:
        system, _, timeline = dependency.scope.partition(".")
        if system != self.system or dependency.version > self.applied:
            return None
        if int(timeline) != self.timeline:
            if self.inherited is None:
                raise StoreError(
                    f"store {dependency.store!r}: {dependency} was written before a failover, and this user may not "
                    "read which writes outlived it. Allow it: GRANT EXECUTE ON FUNCTION pg_read_file(text) TO ..."
                )
            if dependency.version > self.inherited.get(int(timeline), -1):
                return None
        return dependency._replace(scope=scope_of(self.system, self.timeline))


class PostgresConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection on which an exchange takes no longer than `timeout_s`, and which knows its cluster."""

    timeout_s: float | None = None
    system = ""
    segment_bytes = 0

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        return super().wait(gen, interval, self.timeout_s if timeout is None else timeout)


class PostgresDriver(SqlDriver[PostgresConnection]):
    """PostgreSQL in the words of `stores.driver`."""

    has_native_wait = False
    quote = '"'
    key_type = 'text COLLATE "C"'
    value_type = "bytea"
    lineage_type = "bytea"

    def __init__(self, config: AntipodeConfig) -> None:
        super().__init__(config)
        self._inherited: dict[tuple[str, int], Mapping[int, int]] = {}  # by system and timeline; it never changes

    def connect(self, endpoint: Endpoint, timeout_s: float) -> PostgresConnection:
        connection = PostgresConnection.connect(
            **_where(endpoint),
            **_tls(endpoint.tls),
            user=endpoint.user or None,
            password=endpoint.password or None,
            dbname=endpoint.database or None,
            connect_timeout=math.ceil(timeout_s),
            autocommit=True,
            prepare_threshold=None,
        )
        assert isinstance(connection, PostgresConnection)
        connection.timeout_s = timeout_s
        # A commit that is not on disk is sent to nobody, and would be waited for in vain.
        asking = """SELECT system_identifier, pg_size_bytes(current_setting('wal_segment_size')),
            CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END
            FROM pg_control_system()"""
        [(system, connection.segment_bytes, _)], _ = self.run(connection, asking)
        connection.system = f"{system % 2**SYSTEM_BITS:x}"
        return connection

    def limit(self, connection: PostgresConnection, timeout_s: float) -> None:
        connection.timeout_s = timeout_s

    def run(
        self, connection: PostgresConnection, sql: str, parameters: Sequence[Any] = ()
    ) -> tuple[list[tuple[Any, ...]], int]:
        if any(isinstance(one, (bytes, str)) and len(one) > VALUE_BYTES_MAX for one in parameters):
            raise errors.ProgramLimitExceeded(f"a value is longer than {VALUE_BYTES_MAX} bytes")
        try:
            cursor = connection.execute(sql.encode(), parameters or None)
        except errors.UndefinedTable as error:
            raise MissingTable from error
        return (cursor.fetchall() if cursor.description else []), cursor.rowcount

    def transaction(self, connection: PostgresConnection) -> contextlib.AbstractContextManager[Any]:
        return connection.transaction()

    def upsert(self, connection: PostgresConnection, table: str, key: str, columns: Mapping[str, Any]) -> None:
        q = self._quoted
        names, places = ", ".join(map(q, columns)), ", ".join(["%s"] * len(columns))
        changes = ", ".join(f"{q(column)} = EXCLUDED.{q(column)}" for column in columns if column != key)
        sql = f"INSERT INTO {q(table)} ({names}) VALUES ({places}) ON CONFLICT ({q(key)}) DO UPDATE SET {changes}"
        self.run(connection, sql, tuple(columns.values()))

    def matches(self, column: str, key: str) -> tuple[str, tuple[str, ...]]:
        return f"{self._quoted(column)} = %s", (key,)

    def written(self, connection: PostgresConnection) -> Dependency:
        return self.applied(connection)

    def applied(self, connection: PostgresConnection) -> Dependency:
        log = self.log(connection)
        return Dependency(self.store, scope_of(log.system, log.timeline), log.applied)

    def log(self, connection: PostgresConnection) -> PostgresLog:
        [(is_standby, position, timeline)], _ = self.run(connection, _POSITION)
        if timeline is None:  # a standby that receives nothing now, or does not tell us
            timeline = self._timeline_on_disk(connection)
        if is_standby:
            return PostgresLog(connection.system, timeline, int(position or 0))
        applied = end_of_record(int(position), connection.segment_bytes)
        return PostgresLog(connection.system, timeline, applied, self._inherited_by(connection, timeline))

    def wait(self, connection: PostgresConnection, wanted: Dependency, timeout_s: float) -> None:
        raise NotImplementedError("PostgreSQL cannot wait for a position")

    def trouble(self, connection: PostgresConnection, is_primary: bool) -> str:
        [(is_standby, receivers)], _ = self.run(
            connection, "SELECT pg_is_in_recovery(), (SELECT count(*) FROM pg_stat_wal_receiver)"
        )
        if is_primary:
            return "this server is a standby, and nothing can be written to it" if is_standby else ""
        return "it receives nothing from its primary" if is_standby and not receivers else ""

    def failure(self, error: Exception) -> Failure | None:
        if not isinstance(error, psycopg.Error):
            return None
        reason = f"{' '.join(str(error).split())}."
        if isinstance(error, (errors.ConnectionTimeout, errors._WaitTimeout)):
            return Failure("late", "no answer in time.")
        is_connecting = error.sqlstate is None  # else the reason may quote somebody's value
        if error.sqlstate in ENDED or (is_connecting and ("the database system is" in reason or "too many" in reason)):
            return Failure("lost", reason)
        if is_connecting and isinstance(error, psycopg.OperationalError):
            is_refused = "FATAL:" in reason or "no password supplied" in reason  # the latter is the client's own
            return Failure("refused" if is_refused else "lost", reason)
        return Failure("refused", reason)

    def _timeline_on_disk(self, connection: PostgresConnection) -> int:
        """Return the newest timeline of which a standby has any log: it replays none that is newer."""
        try:
            return int(self.run(connection, _TIMELINE_ON_DISK)[0][0][0])
        except errors.InsufficientPrivilege:
            raise StoreError(
                f"store {self.store!r}: this user may not see which timeline a standby is on, and without it a "
                "position means nothing. Allow it on the primary: GRANT pg_monitor TO ..."
            ) from None

    def _inherited_by(self, connection: PostgresConnection, timeline: int) -> Mapping[int, int] | None:
        key = connection.system, timeline
        if timeline > 1 and key not in self._inherited:
            try:
                rows, _ = self.run(connection, "SELECT pg_read_file(%s)", (f"pg_wal/{timeline:08X}.history",))
            except errors.InsufficientPrivilege:
                return None
            self._inherited[key] = parse_history(rows[0][0])
        return self._inherited.get(key, {})


def open_store(
    config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools
) -> ServerStore[PostgresConnection]:
    """Return the store that `config` describes, as seen from `region`."""
    return ServerStore(PostgresDriver(config), config, region, password, host, pools)


def scope_of(system: str, timeline: int) -> str:
    """Return the scope of what is written in this cluster on this timeline."""
    return f"{system}.{timeline}"


def parse_history(text: str) -> dict[int, int]:
    """Return where each older timeline was left, from a history file: lines of `timeline <tab> position <tab> why`."""
    lines = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {int(words[0]): parse_position(words[1]) for words in lines}


def parse_position(text: str) -> int:
    """Return the number of bytes that `16/B374D848` stands for."""
    high, _, low = text.partition("/")
    return int(high, 16) * 2**32 + int(low, 16)


def end_of_record(insert_position: int, segment_bytes: int) -> int:
    """Return the end of the last record, from the position where the next one will begin.

    They differ where the last record fills its page: the next one begins behind a page header, and a replica does not
    count that header as replayed before it comes.
    """
    is_segment_start = insert_position % segment_bytes == SEGMENT_HEADER_BYTES
    if is_segment_start or insert_position % PAGE_BYTES == PAGE_HEADER_BYTES:
        return insert_position - insert_position % PAGE_BYTES
    return insert_position


def _where(endpoint: Endpoint) -> dict[str, Any]:
    if not endpoint.is_socket:
        return {"host": endpoint.host, "port": endpoint.port}
    path = PurePath(endpoint.address)  # .../.s.PGSQL.5432, or the directory that it is in
    if path.name.startswith(".s.PGSQL."):
        return {"host": str(path.parent), "port": int(path.suffix[1:])}
    return {"host": str(path)}


def _tls(tls: bool | str) -> dict[str, Any]:
    if not tls:
        return {"sslmode": "prefer"}
    return {"sslmode": "verify-full", "sslrootcert": tls if isinstance(tls, str) else "system"}
