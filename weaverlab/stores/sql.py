"""What the SQL stores share: an item is a row, its lineage stands in a column beside the value, or in a table beside.

    a table of ours         key | value (pickled) | lineage           made when it is first written to
    a table of others'      id | title | text | weaver_lineage        any value that the column takes
    the same, untouched     id | title | text      and beside it, in posts_lineage:  key | lineage

Value and lineage are written in one transaction. Other programs may read and write their tables as before: a row that
they wrote has no lineage of its own, or that of the write before. Identifiers come from weaver.toml or, for our own
tables, from the author; both are checked against one pattern and quoted. All values are parameters. Not in here: what
differs between the servers, which are the abstract methods.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import Item
from weaverlab.config import IDENTIFIER, AntipodeConfig
from weaverlab.errors import StoreError
from weaverlab.stores.driver import Failure, PositionUnknown
from weaverlab.stores.pool import Connection
from weaverlab.stores.values import dumps, loads

C = TypeVar("C", bound=Connection)

KEY, VALUE, LINEAGE = "key", "value", "lineage"  # the columns of a table of ours
PLAIN = (str, bytes, int, float, type(None))  # what a column of others' may hold; bool is an int


class Table(NamedTuple):
    """Where the items of one table are. The lineage has a column, or else a companion table."""

    name: str
    key: str = KEY
    value: str = VALUE
    lineage: str = LINEAGE
    companion: str = ""
    is_ours: bool = True


class MissingTable(Exception):
    """A table does not exist; what a driver makes of its client's exception."""


class SqlDriver(ABC, Generic[C]):
    """What every SQL store does; a subclass says how. Statements have `%s` for each parameter."""

    quote: ClassVar[str]
    key_type: ClassVar[str]  # compares exactly, and is long enough for what people call a key
    value_type: ClassVar[str]
    lineage_type: ClassVar[str]

    def __init__(self, config: AntipodeConfig) -> None:
        assert config.servers is not None  # as it is a real one
        self.store = config.id
        self._servers = config.servers
        self._tables = {
            name: Table(name, one.key, one.value, one.lineage, "" if one.lineage else f"{name}_lineage", False)
            for name, one in config.servers.tables.items()
        }

    @abstractmethod
    def run(self, connection: C, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[tuple[Any, ...]], int]:
        """Return the rows of a statement, and how many rows it found or changed. MissingTable where there is none."""

    def check(self, connection: C) -> None:
        """Raise StoreError where a change could be made, but its position would not be known afterwards."""

    @abstractmethod
    def transaction(self, connection: C) -> AbstractContextManager[Any]:
        """Commit what is run in this block as one, or nothing of it."""

    @abstractmethod
    def upsert(self, connection: C, table: str, key: str, columns: Mapping[str, Any]) -> None:
        """Write the row whose column `key` is `columns[key]`: these columns of it; the others stay as they are."""

    @abstractmethod
    def matches(self, column: str, key: str) -> tuple[str, tuple[str, ...]]:
        """Return the condition that the row is that of `key`, and its parameters."""

    @abstractmethod
    def failure(self, error: Exception) -> Failure | None:
        """Return what an exception of the client means."""

    @abstractmethod
    def written(self, connection: C) -> Dependency:
        """Return the position of what was last committed on this connection, or a later one."""

    @abstractmethod
    def applied(self, connection: C) -> Dependency:
        """Return a position that covers everything that is visible on this server."""

    def write(self, connection: C, table: str, key: str, value: bytes, lineage: bytes) -> Dependency:
        self.check(connection)
        at = self.table(table)
        data = value if at.is_ours else self._plain(at, key, value)
        self._making_tables(connection, at, lambda: self._write(connection, at, key, data, lineage))
        return self._written(connection)

    def delete(self, connection: C, table: str, key: str, lineage: bytes) -> Dependency:
        self.check(connection)
        at = self.table(table)
        self._making_tables(connection, at, lambda: self._delete(connection, at, key))
        return self._written(connection)

    def read(self, connection: C, table: str, key: str) -> Item | None:
        at = self.table(table)
        try:
            rows = self._select(connection, at, key)
        except MissingTable:
            if at.is_ours:
                return None  # nobody has written to it yet, or its making has not come here
            raise self._missing(at) from None
        if not rows:
            return None
        value, lineage = rows[0]
        data = bytes(value) if at.is_ours else dumps(value, self._where(at, key))
        return Item(data, bytes(lineage or b""), self.applied(connection))

    def table(self, name: str) -> Table:
        """Return where items of table `name` are.

        Raises:
            StoreError: this cannot be the name of a table.
        """
        if name in self._tables:
            return self._tables[name]
        if not IDENTIFIER.fullmatch(name):
            raise StoreError(f"store {self.store!r}: {name!r} is no name of a table: up to 48 letters, digits and _.")
        return Table(name)

    def definition(self, at: Table) -> str:
        """Return the statement that makes what is ours: a whole table, or what stands beside one; "" for nothing."""
        if not at.is_ours and not at.companion:
            return ""
        columns = {KEY: f"{self.key_type} PRIMARY KEY", VALUE: self.value_type, LINEAGE: self.lineage_type}
        if at.companion:
            del columns[VALUE]
        listed = ", ".join(f"{self._quoted(name)} {kind} NOT NULL" for name, kind in columns.items())
        return f"CREATE TABLE IF NOT EXISTS {self._quoted(at.companion or at.name)} ({listed})"

    def _write(self, connection: C, at: Table, key: str, data: Any, lineage: bytes) -> None:
        if not at.companion:
            self.upsert(connection, at.name, at.key, {at.key: key, at.value: data, at.lineage: lineage})
            return
        with self.transaction(connection):
            self.upsert(connection, at.name, at.key, {at.key: key, at.value: data})
            self.upsert(connection, at.companion, KEY, {KEY: key, LINEAGE: lineage})

    def _delete(self, connection: C, at: Table, key: str) -> None:
        with self.transaction(connection) if at.companion else contextlib.nullcontext():
            self._delete_row(connection, at.name, at.key, key)
            if at.companion:
                self._delete_row(connection, at.companion, KEY, key)

    def _delete_row(self, connection: C, table: str, column: str, key: str) -> None:
        condition, parameters = self.matches(column, key)
        self.run(connection, f"DELETE FROM {self._quoted(table)} WHERE {condition}", parameters)

    def _select(self, connection: C, at: Table, key: str) -> list[tuple[Any, ...]]:
        """Return value and lineage of the row, if there is one."""
        q, (condition, parameters) = self._quoted, self.matches(at.key, key)
        select, where = f"SELECT {q(at.value)}", f"FROM {q(at.name)} WHERE {condition}"
        if at.lineage:
            return self.run(connection, f"{select}, {q(at.lineage)} {where}", parameters)[0]
        beside, of_key = self.matches(KEY, key)
        lineage = f"(SELECT {q(LINEAGE)} FROM {q(at.companion)} WHERE {beside})"
        try:
            return self.run(connection, f"{select}, {lineage} {where}", (*of_key, *parameters))[0]
        except MissingTable:  # nobody has written through us yet: rows of others, without any lineage
            return self.run(connection, f"{select}, NULL {where}", parameters)[0]

    def _making_tables(self, connection: C, at: Table, change: Callable[[], None]) -> None:
        """Run a change; where a table of ours is missing, make it and run the change again."""
        try:
            change()
            return
        except MissingTable:
            if not self._servers.create_tables or not self.definition(at):
                raise self._missing(at) from None
        refused: Exception | None = None
        try:
            self.run(connection, self.definition(at))
        except Exception as error:  # somebody else may be making it at this moment, and then all is well
            refused = error
        try:
            change()
        except MissingTable:
            raise self._missing(at, refused) from None

    def _missing(self, at: Table, refused: Exception | None = None) -> StoreError:
        names = f"{at.name!r}, or no table {at.companion!r}" if at.companion else repr(at.name)
        why = f" It could not be made: {refused}." if refused else ""
        remedy = f" Make it: {self.definition(at)}." if self.definition(at) else " Other programs make it, not we."
        return StoreError(f"store {self.store!r}: the database has no table {names}; nothing was changed.{why}{remedy}")

    def _plain(self, at: Table, key: str, value: bytes) -> Any:
        """Return the value itself, for a column that is not ours; StoreError when a column cannot hold it."""
        plain = loads(value, self._where(at, key))
        if isinstance(plain, PLAIN):
            return plain
        raise StoreError(
            f"{self._where(at, key)}: column {at.value!r} takes str, bytes, int, float or None, and no "
            f"{type(plain).__name__}. Only tables that are not named in weaver.toml take any value."
        )

    def _written(self, connection: C) -> Dependency:
        try:
            return self.written(connection)
        except Exception as error:  # whatever it is, the change has been made
            failure = self.failure(error)
            raise PositionUnknown(failure.reason if failure else str(error)) from error

    def _where(self, at: Table, key: str) -> str:
        return f"{at.name}/{key} of store {self.store}"

    def _quoted(self, identifier: str) -> str:
        return f"{self.quote}{identifier}{self.quote}"  # checked against IDENTIFIER, which has no quotes
