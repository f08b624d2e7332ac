"""A store on real servers: writes go to the primary, reads and barriers to the server of the region.

    write:    primary <-- value + lineage, as one         --> position of the write in the primary's log
    read:     server of this region --> value + lineage   --> its position, after the read: it covers what was read
    barrier:  the same server, until its position has come as far as the lineage says

A position means something within one history only. Where a server does not know the history of a dependency, the
primary is asked: if it does not know it either, the write was lost in a failover or the servers were set up anew, and a
barrier says so instead of waiting or passing. Not in here: any particular kind of server (`driver`), the decision of
a barrier (`antipode.barrier`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import Item
from weaverlab.config import AntipodeConfig, ServersConfig
from weaverlab.errors import CallLost, DeadlineExceeded, RemoteCallError, StoreError, Unreachable, WeaverError, nearest
from weaverlab.stores.blocking import check_wanted
from weaverlab.stores.datastore import Health, Subscription
from weaverlab.stores.driver import Driver, Failure, Log, PositionUnknown
from weaverlab.stores.host import Host
from weaverlab.stores.polling import LATE_S, SharedPoll
from weaverlab.stores.pool import Connection, Endpoint, Pools
from weaverlab.stores.settings import is_of_tls, missing_authorities, remedy

CONNECT_TIMEOUT_S = 5.0
COMMAND_TIMEOUT_S = 10.0  # of one read or write where no deadline is nearer
WAITS_MAX = 128  # native waits at one server, each on a connection; as many as `blocking.THREADS_MAX`
WAIT_SLICE_S = 0.5  # one native wait; between two of them a barrier can be cancelled
DOUBT_S = 1.0  # after which a barrier asks the primary whether there is anything to wait for
RETRY_S = 0.1  # between two attempts of a barrier to reach a server that is down

C = TypeVar("C", bound=Connection)


class ServerStore(Generic[C]):
    """One real store as seen from `region`; a `Datastore`, and its own waiter."""

    def __init__(
        self, driver: Driver[C], config: AntipodeConfig, region: str, password: str, host: Host, pools: Pools
    ) -> None:
        assert config.servers is not None  # as it is a real one
        self.store = config.id
        self.region = region
        self._driver = driver
        self._config = config
        self._primary = config.servers.primary
        self._host = host
        self._endpoints = {one: endpoint(config, config.servers, one, password) for one in config.regions}
        self._work = {one: pools.pool(at, "work", self._connect) for one, at in self._endpoints.items()}
        self._waits = {one: pools.pool(at, "wait", self._connect, WAITS_MAX) for one, at in self._endpoints.items()}
        self._polls: dict[str, SharedPoll[Log]] = {
            one: pools.poll(at, host.clock) for one, at in self._endpoints.items()
        }

    @property
    def waiter(self) -> ServerStore[C]:
        return self

    def write(self, table: str, key: str, value: bytes, lineage: bytes, trace: bytes) -> Dependency:
        self._check_region()
        with self._operation(self._primary, "write", changes=True) as connection:
            return self._driver.write(connection, table, key, value, lineage)

    def delete(self, table: str, key: str, lineage: bytes, trace: bytes) -> Dependency:
        self._check_region()
        with self._operation(self._primary, "delete", changes=True) as connection:
            return self._driver.delete(connection, table, key, lineage)

    def read(self, table: str, key: str) -> Item | None:
        self._check_region()
        with self._operation(self.region, "read") as connection:
            return self._driver.read(connection, table, key)

    def subscribe(self, exchange: str, key: str, lease_s: float) -> Subscription:
        raise StoreError(f"store {self.store!r} ({self._config.type}) keeps records: they are read, not consumed.")

    def health(self) -> Health:
        troubles = []
        for region in dict.fromkeys((self._primary, self.region)):
            try:
                self._check_region()
                with self._operation(region, "health") as connection:
                    trouble = self._driver.trouble(connection, is_primary=region == self._primary)
            except WeaverError as error:
                trouble = str(error)
            if trouble:
                troubles.append(f"{region}: {trouble}")
        return Health(not troubles, "; ".join(troubles) or f"{self._primary} takes writes, {self.region} answers")

    def wait(self, dependencies: Sequence[Dependency], timeout_s: float) -> Mapping[Dependency, int]:
        """Block until all are visible here; a server that is down meanwhile is waited for, too.

        Raises:
            StoreError: a write is in no history of these servers, so that waiting would be in vain.
            RemoteCallError: the server of this region could not be asked, up to the end.
        """
        self._check_region()
        until_s = self._now_s() + timeout_s
        while True:
            check_wanted()
            try:
                return self._wait(dependencies, until_s, timeout_s > 0)
            except RemoteCallError as error:
                if self._now_s() + RETRY_S >= until_s:
                    wanted = ", ".join(map(str, dependencies))
                    raise type(error)(f"{error.args[0]} A barrier waited {timeout_s:g} s for {wanted}.") from error
                self._host.clock.sleep(RETRY_S)

    def _wait(self, dependencies: Sequence[Dependency], until_s: float, may_ask: bool) -> Mapping[Dependency, int]:
        log = self._log(self.region, until_s)
        doubt_s = self._now_s() + (0.0 if self.region == self._primary else DOUBT_S)
        names = {one: one for one in dependencies}  # what a write is called in the history that the primary is in now
        while True:
            check_wanted()
            positions = {one: _position(log, one, names[one]) for one in dependencies}
            missing = [one for one, position in positions.items() if position is None or position < one.version]
            now_s = self._now_s()
            if not missing or now_s >= until_s:
                return {one: position or 0 for one, position in positions.items()}
            if may_ask and (now_s >= doubt_s or any(positions[one] is None for one in missing)):
                renamed = self._names(missing, until_s)
                doubt_s = self._now_s() + DOUBT_S
                if renamed.items() - names.items():
                    names |= renamed
                    continue  # in these terms it may be here
            log = self._wait_here({one: names[one] for one in missing}, min(until_s, doubt_s))

    def _wait_here(self, missing: Mapping[Dependency, Dependency], until_s: float) -> Log:
        """Block until all of `missing` may have arrived, or `until_s`; return how far this server is."""
        timeout_s = until_s - self._now_s()
        if not self._driver.has_native_wait:
            poll = self._polls[self.region]
            return poll.wait(lambda: self._log(self.region, until_s), lambda log: _is_complete(log, missing), timeout_s)
        slice_s = min(timeout_s, WAIT_SLICE_S)
        with self._operation(self.region, "barrier", waits_s=slice_s, within_s=LATE_S) as connection:
            ends_s = self._now_s() + slice_s
            for one in missing:
                if (left_s := ends_s - self._now_s()) > 0:
                    self._driver.wait(connection, one, left_s)
            return self._driver.log(connection)

    def _log(self, region: str, until_s: float) -> Log:
        """Return how far a server is. It may take its time up to `until_s`, and a little longer."""
        with self._operation(region, "barrier", within_s=max(0.0, until_s - self._now_s()) + LATE_S) as connection:
            return self._driver.log(connection)

    def _names(self, missing: Sequence[Dependency], until_s: float) -> dict[Dependency, Dependency]:
        """Return what each write is called in the primary's present history; {} while the primary cannot be asked.

        Raises:
            StoreError: the primary, which has all that there is, does not have it.
        """
        try:
            log = self._log(self._primary, until_s)
        except RemoteCallError:
            return {}
        found = {one: log.current(one) for one in missing}
        if lost := [str(one) for one, name in found.items() if name is None]:
            raise StoreError(
                f"store {self.store!r}: {', '.join(lost)} is not in the history of its primary (region "
                f"{self._primary!r}). After a failover this write may be lost; or the servers were set up anew since. "
                "Read again what depends on it, in a new request."
            )
        return {one: name for one, name in found.items() if name is not None}

    @contextlib.contextmanager
    def _operation(
        self, region: str, what: str, changes: bool = False, waits_s: float = 0.0, within_s: float = COMMAND_TIMEOUT_S
    ) -> Iterator[C]:
        """Lend a connection to the server of `region`; what goes wrong on it is told as an error of ours.

        An answer may take `within_s`, and on top of that the `waits_s` which the server was asked to wait.
        """
        where = f"store {self.store!r} in region {region!r} ({self._endpoints[region].address}): {what}"
        with self._lent_or_told(region, waits_s > 0, self._timeout_s(where, within_s)) as connection:
            timeout_s = self._timeout_s(where, within_s)
            try:
                self._driver.limit(connection, timeout_s + waits_s)
                yield connection
            except PositionUnknown as error:
                unknown = f"its position in the log, which a barrier needs, is not known: {error}"
                if not changes:
                    raise StoreError(f"{where}: {unknown}") from error
                raise CallLost(f"{where}: the change was made, but {unknown}", maybe_executed=True) from error
            except WeaverError:
                raise
            except Exception as error:
                if (failure := self._driver.failure(error)) is None:
                    raise
                raise _told(failure, where, changes) from error

    def _timeout_s(self, where: str, within_s: float) -> float:
        """Return how long an operation that begins now may take; DeadlineExceeded when there is no time left."""
        left_s = self._host.remaining_s()
        if left_s is not None and left_s <= 0:
            raise DeadlineExceeded(f"{where}: the time was over before it began.")
        most_s = min(COMMAND_TIMEOUT_S, within_s)
        return most_s if left_s is None else min(most_s, left_s)

    def _lent(self, region: str, is_wait: bool, timeout_s: float) -> contextlib.AbstractContextManager[C]:
        return (self._waits if is_wait else self._work)[region].connection(timeout_s)

    @contextlib.contextmanager
    def _lent_or_told(self, region: str, is_wait: bool, timeout_s: float) -> Iterator[C]:
        """Lend a connection; where it cannot be opened, say whose settings these are.

        Only here are they known: another store of the same server may have the same connections, and other sections.
        """
        with contextlib.ExitStack() as stack:
            try:
                connection = stack.enter_context(self._lent(region, is_wait, timeout_s))
            except Unreachable as error:
                raise Unreachable(f"[antipode.{self._config.name}]: {error.args[0]}") from error
            except StoreError as error:
                raise StoreError(f"[antipode.{self._config.name}]: {error} {remedy(self._config)}") from error
            yield connection

    def _connect(self, endpoint: Endpoint, timeout_s: float) -> C:
        where = f"{endpoint.type} at {endpoint.address}: user {endpoint.user!r}, database {endpoint.database!r}"
        if missing := missing_authorities(endpoint):
            raise StoreError(f"{where}: {missing}.")
        try:
            return self._driver.connect(endpoint, min(timeout_s, CONNECT_TIMEOUT_S))
        except Exception as error:
            # A file of authorities that holds none is no exception of the client's.
            known = Failure("refused", f"{error}.") if isinstance(error, OSError) else self._driver.failure(error)
            if known is None:
                raise
            failure = known
        # Raised here, where the client's exception is gone: its frames hold the password.
        if failure.what == "refused" or (endpoint.tls and is_of_tls(failure.reason)):
            raise StoreError(f"{where}: the connection was refused: {failure.sentence}")
        raise Unreachable(f"{where}: cannot connect: {failure.sentence}")

    def _check_region(self) -> None:
        if self.region not in self._endpoints:
            regions = self._config.regions
            raise StoreError(
                f"store {self.store!r} has no replica in region {self.region!r}; it has: {', '.join(regions)}."
                f"{nearest(self.region, regions)} Place the component with [regions], or add the region to "
                f"[antipode.{self._config.name}]."
            )

    def _now_s(self) -> float:
        return self._host.clock.now_s()

    def __repr__(self) -> str:
        return f"<{self._config.type} store {self.store!r} from region {self.region!r}>"


def endpoint(config: AntipodeConfig, servers: ServersConfig, region: str, password: str) -> Endpoint:
    """Return the server of a region."""
    database = servers.databases.get(region, "")
    return Endpoint(config.type, servers.addresses[region], servers.user, password, database, servers.tls)


def _position(log: Log, dependency: Dependency, name: Dependency) -> int | None:
    position = log.position(dependency)
    return log.position(name) if position is None else position


def _is_complete(log: Log, wanted: Mapping[Dependency, Dependency]) -> bool:
    return all(
        (position := _position(log, *pair)) is not None and position >= pair[0].version for pair in wanted.items()
    )


def _told(failure: Failure, where: str, changes: bool) -> WeaverError:
    """Return the error that the author sees; a change whose answer did not come may have happened."""
    if failure.what == "refused":
        return StoreError(f"{where}: {failure.sentence}{' Nothing was changed.' if changes else ''}")
    kinds = {"unreachable": Unreachable, "lost": CallLost, "late": DeadlineExceeded}
    return kinds[failure.what](f"{where}: {failure.sentence}", maybe_executed=changes and failure.what != "unreachable")
