"""Redis: an item is one hash, a version is a position in the replication stream, and a barrier polls its replica.

    HSET posts:42 value ... lineage ...       both or neither, as every command is; other fields are left alone
    INFO replication                          on the same connection, so its offset covers the write or the read

The scope is the replication id, which names a history: a primary that was promoted begins another. Up to the moment
of the promotion the two are one, and Redis says which moment that was (replid2, second_repl_offset). A replica's own
offset is asked, since the primary hears of it once a second only. Not in here: anything that all stores share.

What a primary without any replica has written cannot be waited for later, when it gets its first: Redis counts no
positions before that. See docs/stores.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import redis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import Item
from weaverlab.config import AntipodeConfig
from weaverlab.stores.driver import Failure, PositionUnknown
from weaverlab.stores.host import Host
from weaverlab.stores.pool import Endpoint, Pools
from weaverlab.stores.server import ServerStore

VALUE, LINEAGE = "value", "lineage"
INFO = ("INFO", "replication")
HISTORY_DIGITS = 12  # of the 40 of a replication id: as good as unique, and a lineage stays small
VALUE_BYTES_MAX = 512 * 1024 * 1024  # what a string of Redis may hold (proto-max-bulk-len)


class RedisLog(NamedTuple):
    """What `INFO replication` says of a server: the history it is in, where that began, and how far it has come."""

    history: str
    offset: int
    history_before: str = ""
    offset_before: int = -1  # the first of `history_before` that is not in `history` any more

    def position(self, dependency: Dependency) -> int | None:
        is_inherited = dependency.scope == self.history_before and dependency.version < self.offset_before
        return self.offset if dependency.scope == self.history or is_inherited else None

    def current(self, dependency: Dependency) -> Dependency | None:
        position = self.position(dependency)
        return None if position is None or position < dependency.version else dependency._replace(scope=self.history)


class RedisConnection:
    """One connection of the client library, with commands one after the other and no repetition."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        kind, options = _options(endpoint)
        self._client = kind(
            **options,
            db=int(endpoint.database or 0),
            username=endpoint.user or None,
            password=endpoint.password or None,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._client.connect()

    def fileno(self) -> int:
        return int(self._client._sock.fileno())  # the library has no public way to it, nor to the timeout

    def close(self) -> None:
        self._client.disconnect()

    def limit(self, timeout_s: float) -> None:
        self._client._sock.settimeout(timeout_s)

    def ask(self, *command: str | bytes) -> tuple[Any, RedisLog]:
        """Execute one command, then ask how far the server is, in one round trip; return both answers.

        Raises:
            ResponseError: the command was refused.
            PositionUnknown: it was executed, but the second question was refused.
        """
        self._client.send_packed_command(self._client.pack_commands([command, INFO]), check_health=False)
        answer, info = self._answer(), self._answer()
        if isinstance(answer, exceptions.ResponseError):
            raise answer
        if isinstance(info, exceptions.ResponseError):
            raise PositionUnknown(f"{info}. The user needs INFO.")
        return answer, log_of(fields_of(info))

    def info(self) -> dict[str, str]:
        """Return what `INFO replication` says."""
        self._client.send_command(*INFO, check_health=False)
        return fields_of(self._client.read_response())

    def _answer(self) -> Any:
        try:
            return self._client.read_response()
        except exceptions.ResponseError as error:
            return error


class RedisDriver:
    """Redis in the words of `stores.driver`, for the store with this id."""

    has_native_wait = False

    def __init__(self, store: str) -> None:
        self._store = store

    def connect(self, endpoint: Endpoint, timeout_s: float) -> RedisConnection:
        return RedisConnection(endpoint, timeout_s)

    def limit(self, connection: RedisConnection, timeout_s: float) -> None:
        connection.limit(timeout_s)

    def write(self, connection: RedisConnection, table: str, key: str, value: bytes, lineage: bytes) -> Dependency:
        if len(value) > VALUE_BYTES_MAX:
            raise exceptions.DataError(f"the value has {len(value)} bytes; Redis takes {VALUE_BYTES_MAX}")
        _, log = connection.ask("HSET", name_of(table, key), VALUE, value, LINEAGE, lineage)
        return self._at(log)

    def delete(self, connection: RedisConnection, table: str, key: str, lineage: bytes) -> Dependency:
        _, log = connection.ask("DEL", name_of(table, key))
        return self._at(log)

    def read(self, connection: RedisConnection, table: str, key: str) -> Item | None:
        (value, lineage), log = connection.ask("HMGET", name_of(table, key), VALUE, LINEAGE)
        return None if value is None else Item(value, lineage or b"", self._at(log))

    def log(self, connection: RedisConnection) -> RedisLog:
        return log_of(connection.info())

    def wait(self, connection: RedisConnection, wanted: Dependency, timeout_s: float) -> None:
        raise NotImplementedError("Redis cannot wait for a position")

    def trouble(self, connection: RedisConnection, is_primary: bool) -> str:
        info = connection.info()
        if is_primary:
            return "" if info["role"] == "master" else "this server is a replica, and nothing can be written to it"
        if info["role"] == "slave" and info["master_link_status"] != "up":
            return "the link to its primary is down"
        return ""

    def failure(self, error: Exception) -> Failure | None:
        return failure(error)

    def _at(self, log: RedisLog) -> Dependency:
        return Dependency(self._store, log.history, log.offset)


def open_store(
    config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools
) -> ServerStore[RedisConnection]:
    """Return the store that `config` describes, as seen from `region`."""
    return ServerStore(RedisDriver(config.id), config, region, password, host, pools)


def failure(error: Exception) -> Failure | None:
    """Return what an exception of the client library means."""
    if isinstance(error, exceptions.AuthenticationError):
        return Failure("refused", str(error))
    if isinstance(error, exceptions.BusyLoadingError):
        return Failure("unreachable", str(error))
    if isinstance(error, exceptions.TimeoutError):
        return Failure("late", "no answer in time.")
    if isinstance(error, exceptions.ConnectionError):
        return Failure("lost", f"{error}.")
    if isinstance(error, exceptions.RedisError):
        return Failure("refused", f"{error}.")
    return None


def name_of(table: str, key: str) -> str:
    """Return the name of an item; tables `a:b` and `a` never share one."""
    return f"{table.replace('%', '%25').replace(':', '%3A')}:{key}"


def fields_of(text: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in text.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}


def log_of(info: dict[str, str]) -> RedisLog:
    applied = info["slave_repl_offset"] if info["role"] == "slave" else info["master_repl_offset"]
    before, until = info["master_replid2"], int(info["second_repl_offset"])
    return RedisLog(info["master_replid"][:HISTORY_DIGITS], int(applied), before[:HISTORY_DIGITS], until)


def _options(endpoint: Endpoint) -> tuple[Any, dict[str, Any]]:
    """Return the class of connection for an endpoint, and what it needs."""
    if endpoint.is_socket:
        return redis.UnixDomainSocketConnection, {"path": endpoint.address}
    options: dict[str, Any] = {"host": endpoint.host, "port": endpoint.port}
    if not endpoint.tls:
        return redis.Connection, options
    return redis.SSLConnection, options | ({"ssl_ca_certs": endpoint.tls} if isinstance(endpoint.tls, str) else {})
