"""The datastore agent that a component holds: read, write, barrier, consume, with lineage taken care of.

    write:  value + current lineage --> store;   the write joins the current lineage
    read:   value + its lineage     <-- store;   both join the current lineage (unless join=False)

Values are pickled here and are opaque bytes from here on. Not in here: the stores (`datastore`, `embedded`),
barriers over several stores (`datastores`), and what a consumer does (`consumer`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from weaverlab.antipode import Dependency, Lineage, context
from weaverlab.antipode.barrier import TIMEOUT_S, BarrierReport, OnTimeout
from weaverlab.antipode.embedded import Item
from weaverlab.errors import NotFoundError, ProtocolError, StoreError
from weaverlab.history import Observed, Wrote
from weaverlab.stores.blocking import in_thread
from weaverlab.stores.consumer import LEASE_S, Consumer
from weaverlab.stores.datastore import Datastore, DeadLetter, Health, KeepsDeadLetters
from weaverlab.stores.values import dumps, loads

if TYPE_CHECKING:
    from weaverlab.stores.datastores import Datastores


class ReadResult(NamedTuple):
    """What `read` found; `lineage` is that of the item's writer, and the write itself."""

    value: Any
    lineage: Lineage


class Antipode:
    """An agent of one datastore, as a component's field: `posts: Antipode`, bound by `[antipode.posts]`.

    `str(agent)` is the id of the datastore. The `_async` twins do the same without blocking the event loop.
    """

    __weaver_field__: ClassVar[str] = "agent"

    def __init__(self, name: str, datastore: Datastore, datastores: Datastores) -> None:
        self.name = name
        self._datastore = datastore
        self._datastores = datastores
        self._host = datastores.host

    def write(self, table: str, key: str, value: Any) -> Dependency:
        """Store `value` under (table, key), or publish it to (exchange, key) of a queue; return the write's id.

        The item keeps the current lineage. From here on the current request depends on the write.

        Raises:
            StoreError: the value cannot be pickled, a queue is full, or this region has no replica of the store.
            RemoteCallError: the store did not answer; `maybe_executed` says whether the write may have happened.
        """
        _check_names(table, key)
        data, lineage = dumps(value, self._where(table, key)), context.current()
        written = self._datastore.write(table, key, data, lineage.pack(), self._trace())
        return self._wrote(written, table, key)

    def delete(self, table: str, key: str) -> Dependency:
        """Delete an item; a barrier waits for the deletion as for any write."""
        _check_names(table, key)
        written = self._datastore.delete(table, key, context.current().pack(), self._trace())
        return self._wrote(written, table, key)

    def read(self, table: str, key: str, join: bool = True) -> ReadResult:
        """Return the value that this region sees, with its lineage; the current request then depends on both.

        Args:
            join: False leaves the current lineage as it is.

        Raises:
            NotFoundError: nothing is visible here: never written, deleted, or not replicated yet.
            ProtocolError: the lineage beside it is none, or one of a newer version.
        """
        _check_names(table, key)
        item = self._datastore.read(table, key)
        if item is None:
            self._host.note(Observed, str(self), table, key, False)
            region = self._datastore.region
            message = f"store {str(self)!r} shows no item {table}/{key} in region {region!r}"
            raise NotFoundError(message, str(self), region, table, key)
        self._host.note(Observed, str(self), table, key, True, item.dependency.scope, item.dependency.version)
        lineage = self._lineage(item, table, key)
        if join:
            context.join(lineage)
        return ReadResult(loads(item.value, self._where(table, key)), lineage)

    def consume(self, exchange: str, key: str, lease_s: float = LEASE_S) -> Consumer:
        """Return a consumer of this queue in this region; use it in a `with` block, `for` or `async for`.

        Args:
            lease_s: a message that is not handled by then is delivered again; longer than the slowest handler.
        """
        _check_names(exchange, key)
        return Consumer(self._datastore.subscribe(exchange, key, lease_s), str(self), exchange, key, self._host)

    def dead_letters(self, exchange: str, key: str) -> Sequence[DeadLetter]:
        """Return the messages of this queue that nobody in this region could handle, oldest first; they stay there.

        Raises:
            StoreError: a store of this kind keeps none.
        """
        return self._dead_letters().dead_letters(exchange, key)

    def requeue_dead_letters(self, exchange: str, key: str) -> int:
        """Let all dead letters of this queue in this region be delivered again; return how many."""
        return self._dead_letters().requeue_dead_letters(exchange, key)

    def barrier(
        self,
        timeout_s: float = TIMEOUT_S,
        stores: Iterable[str | Antipode] | None = None,
        on_timeout: OnTimeout = "raise",
        dry_run: bool = False,
    ) -> BarrierReport:
        """Wait until everything the current request depends on is visible in this region, in every store.

        `stores=[agent]` waits for that one only; see `Datastores.barrier` for the arguments.
        """
        return self._datastores.barrier(timeout_s, stores, on_timeout, dry_run)

    def health(self) -> Health:
        """Return whether the store can be used from here now, and why not; never raises."""
        return self._datastore.health()

    def checkpoint(self, name: str) -> None:
        """Record what a barrier here would have waited for, to be seen in `app.status()`: is this a place for one?

        It costs about a microsecond and waits for nothing: a thread looks, ten times a second at most, a moment later.
        """
        self._datastores.checkpoint(name)

    async def write_async(self, table: str, key: str, value: Any) -> Dependency:
        return await in_thread("work", self.write, table, key, value)

    async def delete_async(self, table: str, key: str) -> Dependency:
        return await in_thread("work", self.delete, table, key)

    async def read_async(self, table: str, key: str, join: bool = True) -> ReadResult:
        return await in_thread("work", self.read, table, key, join)

    async def barrier_async(
        self,
        timeout_s: float = TIMEOUT_S,
        stores: Iterable[str | Antipode] | None = None,
        on_timeout: OnTimeout = "raise",
        dry_run: bool = False,
    ) -> BarrierReport:
        return await in_thread("wait", self.barrier, timeout_s, stores, on_timeout, dry_run)

    async def health_async(self) -> Health:
        return await in_thread("work", self.health)

    def __str__(self) -> str:
        return self._datastore.store

    def __repr__(self) -> str:
        return f"<agent {self.name}: store {self._datastore.store!r} from region {self._datastore.region!r}>"

    def _wrote(self, written: Dependency, table: str, key: str) -> Dependency:
        context.replace(context.current().add(written))
        self._host.note(Wrote, str(self), table, key, written.scope, written.version)
        return written

    def _dead_letters(self) -> KeepsDeadLetters:
        if not isinstance(self._datastore, KeepsDeadLetters):
            raise StoreError(f"store {str(self)!r} keeps no dead letters; stores of type 'rabbitmq' do.")
        return self._datastore

    def _lineage(self, item: Item, table: str, key: str) -> Lineage:
        try:
            return Lineage.unpack(item.lineage).add(item.dependency)
        except ProtocolError as error:  # a newer version wrote it, or another program
            raise ProtocolError(f"{self._where(table, key)}: its lineage cannot be read: {error}") from error

    def _trace(self) -> bytes:
        return bytes.fromhex(self._host.trace())

    def _where(self, table: str, key: str) -> str:
        return f"{table}/{key} of store {self}"


def _check_names(table: str, key: str) -> None:
    for what, name in (("table or exchange", table), ("key", key)):
        if not isinstance(name, str):
            raise TypeError(f"{what} {name!r}: expected a str, got {type(name).__name__}. Write str({name!r}).")
