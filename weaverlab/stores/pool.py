"""Connections to the servers of real stores: opened when needed, kept for the next operation, never too many.

One `Pools` belongs to one weavelet, so the components in a process share connections. A connection that an operation
left by an exception is closed rather than used again, since nobody knows what is still to come on it. After a fork
the child opens its own. Not in here: what is said on a connection.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar, cast

from weaverlab.clock import Clock, SystemClock
from weaverlab.errors import StoppedError, Unreachable
from weaverlab.stores.polling import SharedPoll

CONNECTIONS_MAX = 32  # to one server; well below the 100 that PostgreSQL and the 151 that MariaDB take by default
FREE_TIMEOUT_S = 5.0  # as long as a connection may take to open
CONNECT_S_MIN = 0.001  # since no time at all means "without a limit" to some clients


class Connection(Protocol):
    """What any client's connection can do."""

    def fileno(self) -> int: ...
    def close(self) -> None: ...


class Closable(Protocol):
    """What is closed together with everything else that is connected."""

    def close(self) -> None: ...


C = TypeVar("C", bound=Connection)
S = TypeVar("S", bound=Closable)


@dataclass(frozen=True)
class Endpoint:
    """One server and who we are there: what decides whether two stores can share a connection."""

    type: str
    address: str  # "host:port", or the path of a socket
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    tls: bool | str = False

    @property
    def is_socket(self) -> bool:
        return self.address.startswith("/")

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0].strip("[]")  # as an IPv6 address is written

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])


class Pool(Generic[C]):
    """At most `connections_max` connections that `connect(timeout_s)` makes; the one used last is used next."""

    def __init__(self, connect: Callable[[float], C], connections_max: int = CONNECTIONS_MAX) -> None:
        self._connect = connect
        self._connections_max = connections_max
        self._reset()

    def _reset(self) -> None:
        """Begin anew: in a forked child, the parent's connections are the parent's, and its lock may be held."""
        self._pid = os.getpid()
        self._lock = threading.Lock()  # guards the two below
        self._idle: list[C] = []
        self._is_closed = False
        self._free = threading.BoundedSemaphore(self._connections_max)

    @contextlib.contextmanager
    def connection(self, timeout_s: float) -> Iterator[C]:
        """Lend a connection for one operation; waits at most `timeout_s` for one.

        Raises:
            Unreachable: all stayed in use. And what `connect` raises.
        """
        if self._pid != os.getpid():
            self._reset()
        free, until_s = self._free, SystemClock.now_s() + timeout_s
        if not free.acquire(timeout=max(0.0, min(timeout_s, FREE_TIMEOUT_S))):
            raise Unreachable(f"all {self._connections_max} connections to the server are in use.")
        try:
            connection = self._take_idle() or self._connect(max(until_s - SystemClock.now_s(), CONNECT_S_MIN))
            try:
                yield connection
            except BaseException:
                _close(connection)
                raise
            self._give_back(connection)
        finally:
            free.release()

    def close(self) -> None:
        """Close what is idle; what is in use is closed when its operation ends."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        if self._pid == os.getpid():
            for connection in idle:
                _close(connection)

    def _take_idle(self) -> C | None:
        while True:
            with self._lock:
                if self._is_closed:
                    raise StoppedError("the datastores of this deployment have been closed.")
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if not _has_something_to_say(connection):
                return connection
            _close(connection)

    def _give_back(self, connection: C) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append(connection)
                return
        _close(connection)


class Pools:
    """The pools of one process, by endpoint and purpose, and what else its stores share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the dict
        self._pools: dict[Hashable, Closable] = {}
        self._polls: dict[Endpoint, SharedPoll[Any]] = {}

    def pool(
        self,
        endpoint: Endpoint,
        purpose: str,
        connect: Callable[[Endpoint, float], C],
        connections_max: int = CONNECTIONS_MAX,
    ) -> Pool[C]:
        """Return the pool for this purpose, such as "read"; `connect(endpoint, timeout_s)` opens a connection."""
        return self.shared(
            (endpoint, purpose), lambda: Pool(lambda timeout_s: connect(endpoint, timeout_s), connections_max)
        )

    def shared(self, key: Hashable, make: Callable[[], S]) -> S:
        """Return what `make` made for `key` the first time: a client that keeps its connections by itself."""
        with self._lock:
            if key not in self._pools:
                self._pools[key] = make()
            return cast(S, self._pools[key])

    def poll(self, endpoint: Endpoint, clock: Clock) -> SharedPoll[Any]:
        """Return the one that polls this server for all stores here."""
        with self._lock:
            return self._polls.setdefault(endpoint, SharedPoll(clock))

    def close(self) -> None:
        """Close every connection that is idle, and the others when their operations end. Idempotent."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()


def _has_something_to_say(connection: Connection) -> bool:
    """Return whether the server has ended an idle connection, or told it something that nobody asked for."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _close(connection: Connection) -> None:
    with contextlib.suppress(Exception):  # clients may raise anything about a connection that is broken already
        connection.close()
