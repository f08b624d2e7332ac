"""What MariaDB and MySQL share: the client PyMySQL, its errors, and how a row is written.

Not in here: their GTIDs, which differ in form and in meaning (`mariadb`, `mysql`).
"""

from __future__ import annotations

import contextlib
import functools
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pymysql
from pymysql.constants import CLIENT, CR, ER

from weaverlab.errors import StoreError
from weaverlab.stores.driver import Failure
from weaverlab.stores.pool import Endpoint
from weaverlab.stores.sql import MissingTable, SqlDriver

PACKET_MARGIN_BYTES = 4096  # of a statement around its value and lineage
CLIENT_CODES = range(2000, 3000)
LOST = {CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED}
ENDED = {1053, 1927}  # the server is shutting down; the connection was killed
BUSY = {CR.CR_CONN_HOST_ERROR, 1040, 1203}  # nobody listens; the server, or the user, has too many connections


class MysqlConnection(pymysql.connections.Connection):  # type: ignore[misc]
    """A connection that says what the pool asks, and whose time limit can change."""

    packet_bytes_max = 0
    is_logging = False
    last_position = ""  # of what was last committed on it

    def fileno(self) -> int:
        return int(self._sock.fileno())

    def limit(self, timeout_s: float) -> None:
        self._read_timeout = self._write_timeout = timeout_s  # the library sets them only once


class MysqlFamily(SqlDriver[MysqlConnection]):
    """A driver for either server; `flags` are what its client announces beyond the usual."""

    has_native_wait = True
    quote = "`"
    value_type = "LONGBLOB"
    lineage_type = "MEDIUMBLOB"
    flags = CLIENT.FOUND_ROWS  # an UPDATE that changes nothing has found its row
    needs: ClassVar[tuple[str, str]]  # what a server must have to give positions: in words, and as an expression

    def connect(self, endpoint: Endpoint, timeout_s: float) -> MysqlConnection:
        connection = MysqlConnection(
            **_where(endpoint),
            user=endpoint.user,
            password=endpoint.password,
            database=endpoint.database or None,
            charset="utf8mb4",
            autocommit=True,
            client_flag=self.flags,
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            write_timeout=timeout_s,
            **_tls(endpoint.tls),
        )
        # Strict: a value that does not fit is an error, and is not cut. Committed reads: writing a row that is not
        # there must not lock the gap around it.
        self.run(connection, "SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'STRICT_ALL_TABLES')")
        self.run(connection, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        [(bytes_max, is_logging)], _ = self.run(connection, f"SELECT @@max_allowed_packet, {self.needs[1]}")
        connection.packet_bytes_max, connection.is_logging = bytes_max, bool(is_logging)
        return connection

    def limit(self, connection: MysqlConnection, timeout_s: float) -> None:
        connection.limit(timeout_s)

    def run(
        self, connection: MysqlConnection, sql: str, parameters: Sequence[Any] = ()
    ) -> tuple[list[tuple[Any, ...]], int]:
        with connection.cursor() as cursor:
            try:
                self._check_size(connection, parameters)
                count = cursor.execute(sql, parameters)
            except pymysql.err.ProgrammingError as error:
                if error.args and error.args[0] == ER.NO_SUCH_TABLE:
                    raise MissingTable from error
                raise
            return list(cursor.fetchall()), count

    def check(self, connection: MysqlConnection) -> None:
        if not connection.is_logging:
            raise StoreError(
                f"store {self.store!r}: the primary gives no positions, so nobody could wait for a write, and nothing "
                f"was changed. It needs {self.needs[0]}."
            )

    @contextlib.contextmanager
    def transaction(self, connection: MysqlConnection) -> Iterator[None]:
        self.run(connection, "START TRANSACTION")
        try:
            yield
        except MissingTable:  # any other error closes the connection, which ends the transaction, too
            self.run(connection, "ROLLBACK")
            raise
        self.run(connection, "COMMIT")

    def upsert(self, connection: MysqlConnection, table: str, key: str, columns: Mapping[str, Any]) -> None:
        # Not by INSERT ... ON DUPLICATE KEY UPDATE: that would change another row where the table of others has a
        # second unique key.
        q = self._quoted
        condition, of_key = self.matches(key, columns[key])
        others = {column: value for column, value in columns.items() if column != key}
        update = f"UPDATE {q(table)} SET {', '.join(f'{q(column)} = %s' for column in others)} WHERE {condition}"
        insert = f"INSERT INTO {q(table)} ({', '.join(map(q, columns))}) VALUES ({', '.join(['%s'] * len(columns))})"
        if self.run(connection, update, (*others.values(), *of_key))[1]:
            return
        try:
            self.run(connection, insert, tuple(columns.values()))
        except pymysql.err.IntegrityError as error:
            # Somebody has written the same key in between; or another unique key of the table is taken.
            if error.args[0] != ER.DUP_ENTRY or not self.run(connection, update, (*others.values(), *of_key))[1]:
                raise

    def matches(self, column: str, key: str) -> tuple[str, tuple[str, ...]]:
        # The second half, since a column of numbers takes any text that is none for 0.
        column = self._quoted(column)
        return f"{column} = %s AND CAST({column} AS CHAR) = %s", (key, key)

    def failure(self, error: Exception) -> Failure | None:
        if not isinstance(error, pymysql.err.MySQLError):
            return None
        code, *said = error.args if error.args else (0,)
        reason = f"{said[0] if said else code}." if said or code else f"{error}."
        if code in CLIENT_CODES and "timed out" in reason:  # a server's may quote somebody's value
            return Failure("late", "no answer in time.")
        if code in LOST | ENDED or (isinstance(error, pymysql.err.InterfaceError) and not said):
            return Failure("lost", reason)
        if code in BUSY:
            return Failure("unreachable", reason)
        return Failure("refused", reason)

    def _check_size(self, connection: MysqlConnection, parameters: Sequence[Any]) -> None:
        """Refuse what the server would refuse by closing the connection: so it is certain that nothing happened."""
        size = sum(len(one) for one in parameters if isinstance(one, (bytes, str)))
        if connection.packet_bytes_max and 2 * size + PACKET_MARGIN_BYTES > connection.packet_bytes_max:
            size = sum(len(connection.literal(one)) for one in parameters) + PACKET_MARGIN_BYTES
            if size > connection.packet_bytes_max:
                raise pymysql.err.DataError(
                    0,
                    f"a statement of {size} bytes; the server takes {connection.packet_bytes_max} (max_allowed_packet)",
                )


def _where(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.is_socket:
        return {"unix_socket": endpoint.address}
    return {"host": endpoint.host, "port": endpoint.port}


@functools.lru_cache  # reading the authorities takes 30 ms
def _context(tls: bool | str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=tls if isinstance(tls, str) else None)


def _tls(tls: bool | str) -> dict[str, Any]:
    return {"ssl": _context(tls)} if tls else {"ssl_disabled": True}  # not said, the library would prepare for it
