"""MongoDB: an item is a document, a version is a cluster time, and a barrier is a read after that time.

    write    replaceOne, writeConcern majority, at the primary's server      --> operationTime: the version
    read     find, readConcern majority, at the server of this region        --> operationTime: covers what was read
    barrier  find, readConcern majority and afterClusterTime, there          blocks until that server is so far

Majorities, so that no failover takes back what was reported or seen. The scope is the name of the replica set: its
cluster time goes on through failovers. Needs a replica set, if of one member only: a single server has no cluster time.
The client keeps connections and their monitors by itself, one client for each server and process. Not in here:
documents (`mongodb_documents`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import pymongo
from bson.errors import InvalidDocument
from pymongo import errors
from pymongo.client_session import ClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import Item
from weaverlab.clock import SystemClock
from weaverlab.config import AntipodeConfig
from weaverlab.errors import StoreError
from weaverlab.stores.driver import Failure, PositionUnknown
from weaverlab.stores.host import Host
from weaverlab.stores.mongodb_documents import ID, document_of, item_of, time_of, version_of
from weaverlab.stores.pool import Endpoint, Pools
from weaverlab.stores.server import COMMAND_TIMEOUT_S, CONNECT_TIMEOUT_S, WAIT_SLICE_S, WAITS_MAX, ServerStore
from weaverlab.stores.settings import remedy

DEFAULT_DATABASE = "weaverlab"
BARRIER_COLLECTION = "weaverlab.barrier"  # it holds nothing, and need not exist
MAJORITY = "majority"
MONITOR_MS = 10_000  # between two looks at a server that is healthy
UNHEARD_PAUSE_S = 0.05  # between two waits for a time that a server has not even heard of

UNAUTHORIZED, AUTHENTICATION_FAILED, TIME_EXPIRED, INVALID_OPTIONS = 13, 18, 50, 72  # codes of the server
NO_PRIMARY = {10058, 10107, 13435}  # it was none when it was asked; with other codes it had begun, and was interrupted


class MongoLog(NamedTuple):
    """What `hello` says of a server: its replica set, and up to which cluster time majority reads see there."""

    replica_set: str
    applied: int

    def position(self, dependency: Dependency) -> int | None:
        return self.applied if dependency.scope == self.replica_set else None

    def current(self, dependency: Dependency) -> Dependency | None:
        position = self.position(dependency)
        return None if position is None or position < dependency.version else dependency


class MongoServer:
    """One server, and nobody else of its replica set, by a client that all threads of this process share."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(**options_of(endpoint))
        self.database = self.client[endpoint.database or DEFAULT_DATABASE]
        self._replica_set = ""

    def hello(self) -> dict[str, Any]:
        return self.client.admin.command("hello")

    def replica_set(self) -> str:
        """Return its name, which a server keeps as long as it lives: asked once."""
        if not self._replica_set:
            self._replica_set = log_of(self.hello()).replica_set
        return self._replica_set

    def close(self) -> None:
        self.client.close()


class MongoConnection:
    """A server for the time of one operation, with its time limit."""

    def __init__(self, server: MongoServer, timeout_s: float) -> None:
        self.server = server
        self.timeout_s = timeout_s

    def fileno(self) -> int:
        raise NotImplementedError("the client library keeps its connections by itself")

    def close(self) -> None:
        """Leave the connection to the client, which knows whether it can be used again."""


class MongoDriver:
    """MongoDB in the words of `stores.driver`."""

    has_native_wait = True

    def __init__(self, config: AntipodeConfig) -> None:
        self._store = config.id
        self._remedy = remedy(config)

    def connect(self, endpoint: Endpoint, timeout_s: float) -> MongoConnection:
        return MongoConnection(MongoServer(endpoint), timeout_s)

    def limit(self, connection: MongoConnection, timeout_s: float) -> None:
        connection.timeout_s = timeout_s

    def write(self, connection: MongoConnection, table: str, key: str, value: bytes, lineage: bytes) -> Dependency:
        document = document_of(key, value, lineage)
        return self._change(connection, table, lambda items, **own: items.replace_one({ID: key}, document, True, **own))

    def delete(self, connection: MongoConnection, table: str, key: str, lineage: bytes) -> Dependency:
        return self._change(connection, table, lambda items, **own: items.delete_one({ID: key}, **own))

    def read(self, connection: MongoConnection, table: str, key: str) -> Item | None:
        check_collection(table)
        items = connection.server.database.get_collection(table, read_concern=ReadConcern(MAJORITY))
        with pymongo.timeout(connection.timeout_s), connection.server.client.start_session() as session:
            scope = connection.server.replica_set()
            document = items.find_one({ID: key}, session=session)
        if document is None:
            return None
        return Item(*item_of(document), Dependency(self._store, scope, _version(session)))

    def log(self, connection: MongoConnection) -> MongoLog:
        with pymongo.timeout(connection.timeout_s):
            return log_of(connection.server.hello())

    def wait(self, connection: MongoConnection, wanted: Dependency, timeout_s: float) -> None:
        # Not under pymongo.timeout, which would replace the command's own time limit.
        try:
            connection.server.database.command(barrier_command(wanted.version, timeout_s))
        except errors.OperationFailure as error:
            if error.code == INVALID_OPTIONS:  # this time is after all that the server has heard of
                SystemClock.sleep(min(timeout_s, UNHEARD_PAUSE_S))
            elif error.code != TIME_EXPIRED:
                raise

    def trouble(self, connection: MongoConnection, is_primary: bool) -> str:
        with pymongo.timeout(connection.timeout_s):
            hello = connection.server.hello()
        if is_primary:
            return (
                "" if hello.get("isWritablePrimary") else "this server is no primary, and nothing can be written to it"
            )
        return "" if hello.get("secondary") or hello.get("isWritablePrimary") else "this server follows no primary now"

    def failure(self, error: Exception) -> Failure | None:
        return failure(error, self._remedy)

    def _change(self, connection: MongoConnection, table: str, change: Any) -> Dependency:
        check_collection(table)
        items = connection.server.database.get_collection(table, write_concern=WriteConcern(MAJORITY))
        with pymongo.timeout(connection.timeout_s), connection.server.client.start_session() as session:
            scope = connection.server.replica_set()  # before the change: without one there are no versions
            change(items, session=session)
        return Dependency(self._store, scope, _version(session))


class MongoStore(ServerStore[MongoConnection]):
    """A store whose connections are the client library's: it is lent a client, not a connection."""

    def __init__(self, config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools) -> None:
        super().__init__(MongoDriver(config), config, region, password, host, pools)
        self._pools = pools

    @contextlib.contextmanager
    def _lent(self, region: str, is_wait: bool, timeout_s: float) -> Iterator[MongoConnection]:
        endpoint = self._endpoints[region]
        key = endpoint, os.getpid()  # a client must not be used after a fork
        server = self._pools.shared(key, lambda: self._connect(endpoint, timeout_s).server)
        yield MongoConnection(server, timeout_s)


def open_store(config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools) -> MongoStore:
    """Return the store that `config` describes, as seen from `region`."""
    return MongoStore(config, region, password, host, pools)


def barrier_command(version: int, timeout_s: float) -> dict[str, Any]:
    """Return the command that a server answers once majority reads on it see cluster time `version`."""
    return {
        "find": BARRIER_COLLECTION,
        "filter": {},
        "limit": 1,
        "singleBatch": True,
        "readConcern": {"level": MAJORITY, "afterClusterTime": time_of(version)},
        "maxTimeMS": max(1, round(timeout_s * 1000)),  # 0 would be: without a limit
    }


def log_of(hello: dict[str, Any]) -> MongoLog:
    """Return what the answer to `hello` says; StoreError for a server that is in no replica set."""
    if "setName" not in hello:
        raise StoreError("the server is in no replica set, so it has no cluster time. Start it with --replSet")
    applied = hello.get("lastWrite", {}).get("majorityOpTime", {}).get("ts")
    return MongoLog(hello["setName"], version_of(applied) if applied else 0)


def failure(error: Exception, remedy: str) -> Failure | None:
    """Return what an exception of the client library means; `remedy` is for one of who we are."""
    if isinstance(error, errors.ServerSelectionTimeoutError):
        return Failure("unreachable", _first_line(error))
    if isinstance(error, errors.WriteConcernError):  # WTimeoutError, too
        return Failure("lost", f"the primary has the change, but no majority has confirmed it: {_first_line(error)}")
    if isinstance(error, (errors.NetworkTimeout, errors.ExecutionTimeout, errors.WaitQueueTimeoutError)):
        return Failure("late", "no answer in time.")
    if isinstance(error, errors.NotPrimaryError) and dict(error.details).get("code") in NO_PRIMARY:
        return Failure("refused", "the server is not the primary now.")
    if isinstance(error, errors.AutoReconnect):
        return Failure("lost", _first_line(error))
    if isinstance(error, errors.OperationFailure) and error.code in (UNAUTHORIZED, AUTHENTICATION_FAILED):
        return Failure("refused", f"{_first_line(error)}. {remedy} Or the user lacks rights.")
    if isinstance(error, (errors.PyMongoError, InvalidDocument)):
        return Failure("refused", f"{_first_line(error)}.")
    return None


def check_collection(name: str) -> None:
    """Raise StoreError for a table that cannot be a collection."""
    if not name or "$" in name or "\0" in name or name.startswith(("system.", ".")) or name.endswith("."):
        raise StoreError(f"table {name!r} is no name of a collection: not empty, without $ and NUL, and not system.*")


def options_of(endpoint: Endpoint) -> dict[str, Any]:
    """Return what the client is made with; it reaches this server only, and repeats nothing."""
    host = endpoint.address.replace("/", "%2F") if endpoint.is_socket else endpoint.address
    options: dict[str, Any] = {
        "host": f"mongodb://{host}",
        "directConnection": True,
        "connectTimeoutMS": int(CONNECT_TIMEOUT_S * 1000),
        "serverSelectionTimeoutMS": int(CONNECT_TIMEOUT_S * 1000),
        "socketTimeoutMS": int((COMMAND_TIMEOUT_S + WAIT_SLICE_S) * 1000),  # where no nearer limit is set
        "heartbeatFrequencyMS": MONITOR_MS,
        "maxPoolSize": WAITS_MAX,
        "retryReads": False,
        "retryWrites": False,
    }
    if endpoint.user:
        options |= {"username": endpoint.user, "password": endpoint.password, "authSource": "admin"}
    if endpoint.tls:
        options |= {"tls": True, **({"tlsCAFile": endpoint.tls} if isinstance(endpoint.tls, str) else {})}
    return options


def _version(session: ClientSession) -> int:
    """Return the cluster time of a session's last answer."""
    if session.operation_time is None:
        raise PositionUnknown("the server's answer had no operationTime")
    return version_of(session.operation_time)


def _first_line(error: Exception) -> str:
    """Return the words of an error without the topology that the client appends."""
    return str(error).partition(", full error")[0].partition(", Timeout:")[0].splitlines()[0]
