"""[antipode.NAME] as an `AntipodeConfig`: an embedded store, or a real one with its servers, and never a mixture.

[antipode.posts]                                              [antipode.posts]
type = "embedded-kv"                                          type = "mariadb"
regions = ["eu", "us"]                                        servers = { eu = "db1:3306", us = "db2:3306" }
lag_ms = 100                                                  user = "weaver"
                                                              password = { env = "POSTS_PASSWORD" }
                                                              database = "weaver"

Lags are read in `lag`. Whether a server answers is seen when it is used.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from weaverlab.config.lag import read_links
from weaverlab.config.typed import WRONG, Note, read_fields
from weaverlab.config.values import (
    DEFAULT_REGION,
    AntipodeConfig,
    EmbeddedType,
    ServersConfig,
    ServerType,
    StoreType,
    TableConfig,
)
from weaverlab.errors import nearest

SQL_TYPES = ("mariadb", "mysql", "postgres")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,47}")  # 48: room for what companion tables add, below 63 and 64
PORT_MAX = 65535
PORTS = {"redis": 6379, "mariadb": 3306, "mysql": 3306, "postgres": 5432, "mongodb": 27017, "rabbitmq": 5672}


@dataclass(frozen=True)
class _Common:
    type: StoreType | None = None  # required; None until the fault is noted
    id: str = ""
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Embedded(_Common):
    seed: int | None = None
    lag_ms: Any = 0


@dataclass(frozen=True)
class _Table:
    key: str
    value: str
    lineage: str = ""
    companion: bool = False


@dataclass(frozen=True)
class _Servers(_Common):
    servers: Any = field(default_factory=dict)  # region -> address; checked here, as one may hold a password
    primary: str = ""
    user: str = ""
    password: Any = ""  # itself, or the variable that holds it; checked here, as it must not be shown
    database: Any = ""  # a name or number, or a table of them by region
    tls: Any = False
    create_tables: bool = True
    tables: dict[str, _Table] = field(default_factory=dict)


_OWN_KEYS: dict[type, set[str]] = {
    cls: {one.name for one in dataclasses.fields(cls)} - {one.name for one in dataclasses.fields(_Common)}
    for cls in (_Embedded, _Servers)
}


def read_store(name: str, table: object, placed: Sequence[str], note: Note) -> AntipodeConfig:
    """Return section [antipode.NAME]; `placed` are the regions of [regions], `note` takes (key, fault)."""
    kind = table.get("type") if isinstance(table, Mapping) else None
    is_real = kind in get_args(ServerType) or (kind not in get_args(EmbeddedType) and _has(table, "servers"))
    if kind in get_args(StoreType):
        table = _without_other_keys(table, is_real, note)
    store = _read_servers(name, table, placed, note) if is_real else _read_embedded(name, table, placed, note)
    if isinstance(table, Mapping) and "type" not in table:
        note("type", f"missing; expected {_quoted(get_args(StoreType))}")
    return store


def _has(table: object, key: str) -> bool:
    return isinstance(table, Mapping) and key in table


def _read_embedded(name: str, table: object, placed: Sequence[str], note: Note) -> AntipodeConfig:
    written = _Embedded(**_fields(_Embedded, table, note))
    regions = written.regions or tuple(placed) or (DEFAULT_REGION,)
    _check_placed(regions, placed, note)
    links = read_links(written.lag_ms, regions, note)
    kind = written.type or "embedded-kv"  # a fault, then: so that its agents do not seem to lack a section
    return AntipodeConfig(name, kind, written.id or name, regions, written.seed, links)


def _fields(cls: type, table: object, note: Note) -> dict[str, Any]:
    values = read_fields(cls, table, note)
    return {} if values is WRONG else {key: value for key, value in values.items() if value is not WRONG}


def _without_other_keys(table: Any, is_real: bool, note: Note) -> dict[str, Any]:
    """Return `table` without the keys of the other sort of store, each of which is a fault."""
    others = (_OWN_KEYS[_Embedded] if is_real else _OWN_KEYS[_Servers]) & set(table)
    sort, kinds = ("embedded", EmbeddedType) if is_real else ("real", ServerType)
    for key in sorted(others):
        note(key, f"is for {sort} stores only ({_quoted(get_args(kinds))}), and the type here is {table.get('type')!r}")
    return {key: value for key, value in table.items() if key not in others}


def _read_servers(name: str, table: object, placed: Sequence[str], note: Note) -> AntipodeConfig:
    written = _Servers(**_fields(_Servers, table, note))
    kind = written.type or "redis"  # a fault, then, as above
    if not isinstance(written.servers, Mapping):
        saw = type(written.servers).__name__  # itself it may hold a password
        note("servers", f"expected an address for each region, such as {_example(written, ['eu', 'us'])}, saw {saw}")
        written = dataclasses.replace(written, servers={}, primary="", database="")  # which regions has nobody said
        regions = written.regions or tuple(placed) or (DEFAULT_REGION,)
    else:
        regions = written.regions or tuple(written.servers) or tuple(placed) or (DEFAULT_REGION,)
        _check_addresses(written, regions, note)
    _check_placed(regions, placed, note)
    if written.primary and written.primary not in regions:
        note("primary", _no_region(written.primary, regions))
    password, variable = _password(written.password, note)
    servers = ServersConfig(
        addresses=dict(written.servers),
        primary=written.primary or regions[0],
        user=written.user,
        password=password,
        password_variable=variable,
        databases=_databases(written.database, written.type, regions, note),
        tls=_tls(written.tls, note),
        create_tables=written.create_tables,
        tables=_tables(written, note),
    )
    return AntipodeConfig(name, kind, written.id or name, regions, None, {}, servers)


def _check_placed(regions: Sequence[str], placed: Sequence[str], note: Note) -> None:
    for region in regions:
        if placed and region not in placed:
            note("regions", f"{region!r} is not in [regions].{nearest(region, placed)} Known: {', '.join(placed)}")


def _check_addresses(written: _Servers, regions: Sequence[str], note: Note) -> None:
    if not written.servers:
        note("servers", f"missing; expected an address for each region: {_example(written, regions)}")
        return
    for region, address in written.servers.items():
        if region not in regions:
            note(f"servers.{region}", _no_region(region, regions))
        elif not _is_address(address):
            saw = "an @ (user, password and database are keys of their own)" if "@" in str(address) else repr(address)
            note(f"servers.{region}", f'expected "host:port" or the absolute path of a socket, saw {saw}')
    for region in regions:
        if region not in written.servers:
            note("servers", f"region {region!r} has no address")


def _example(written: _Servers, regions: Sequence[str]) -> str:
    port = PORTS[written.type or "redis"]
    return "{ " + ", ".join(f'{region} = "127.0.0.1:{port}"' for region in regions) + " }"


def _is_address(address: object) -> bool:
    if not isinstance(address, str):
        return False
    host, _, port = address.rpartition(":")
    is_port = port.isdecimal() and 0 < int(port) <= PORT_MAX
    return address.startswith("/") or (bool(host) and "@" not in host and is_port)


def _password(value: object, note: Note) -> tuple[str, str]:
    """Return the password, or the environment variable that holds it; "" for the other."""
    if isinstance(value, str):
        return value, ""
    variable = value.get("env") if isinstance(value, Mapping) and len(value) == 1 else None
    if isinstance(variable, str) and variable:
        return "", variable
    note("password", f'expected str or {{ env = "VARIABLE" }}, saw {type(value).__name__} (a secret is not shown)')
    return "", ""


def _databases(value: object, kind: str | None, regions: Sequence[str], note: Note) -> dict[str, str]:
    """Return the database of each region, from one for all or a table of them; "" is the server's default."""
    if isinstance(value, Mapping):
        for region in value:
            if region not in regions:
                note(f"database.{region}", _no_region(region, regions))
        return {region: _database(value.get(region, ""), kind, f"database.{region}", note) for region in regions}
    return dict.fromkeys(regions, _database(value, kind, "database", note))


def _database(value: object, kind: str | None, path: str, note: Note) -> str:
    is_number = not isinstance(value, bool) and str(value).isdecimal()
    if kind == "redis" and not is_number and value != "":
        note(path, f"a database of Redis is a number, from 0; saw {value!r}")
    elif kind not in ("redis", None) and not isinstance(value, str):  # None is a fault already
        note(path, f"expected str, saw {type(value).__name__} {value!r}")
    return str(value)


def _tls(value: object, note: Note) -> bool | str:
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value
    note("tls", f"expected true (the system's authorities) or the path of a file of authorities, saw {value!r}")
    return True


def _tables(written: _Servers, note: Note) -> dict[str, TableConfig]:
    if written.tables and written.type not in (*SQL_TYPES, None):
        note("tables", f"is for {_quoted(SQL_TYPES)} only, and the type here is {written.type!r}")
    for name, table in written.tables.items():
        for path, fault in _faults_of_table(name, table):
            note(path, fault)
    return {name: TableConfig(name, table.key, table.value, table.lineage) for name, table in written.tables.items()}


def _faults_of_table(name: str, table: _Table) -> Iterator[tuple[str, str]]:
    path = f"tables.{name}"
    for key, identifier in (("", name), (".key", table.key), (".value", table.value), (".lineage", table.lineage)):
        if not IDENTIFIER.fullmatch(identifier) and (key != ".lineage" or identifier):
            yield f"{path}{key}", f"{identifier!r} is no identifier: up to 48 letters, digits and _, no digit first"
    if bool(table.lineage) == table.companion:
        yield path, 'expected either lineage = "COLUMN" (a column for it) or companion = true (a table beside it)'
    columns = [column for column in (table.key, table.value, table.lineage) if column]
    if len(set(columns)) < len(columns):
        yield path, "key, value and lineage are columns of their own"


def _no_region(region: str, regions: Sequence[str]) -> str:
    return f"{region!r} is not a region of this store.{nearest(region, regions)} It has: {', '.join(regions)}"


def _quoted(names: Sequence[str]) -> str:
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}"
