"""An embedded store as a `Datastore`: every operation is a call to the service that hosts it.

The service is reached through an ordinary component handle, so this works in every deployer. Not in here: what the
service does (`service`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import Item
from weaverlab.antipode.queue import Message
from weaverlab.clock import unique_id
from weaverlab.errors import WeaverError
from weaverlab.stores.blocking import check_wanted
from weaverlab.stores.datastore import Health
from weaverlab.stores.service import EmbeddedStoreService

WAIT_SLICE_S = 1.0  # of a barrier: between two of them it can be cancelled
POLL_S = 5.0  # one idle consumer asks this often; well under any deadline that its loop may run under


@dataclass(frozen=True)
class EmbeddedWaiter:
    """Waits in one region for any number of embedded stores in one round trip."""

    service: EmbeddedStoreService
    region: str

    def wait(self, dependencies: Sequence[Dependency], timeout_s: float) -> Mapping[Dependency, int]:
        wanted, left_s = tuple(dependencies), timeout_s
        while True:
            check_wanted()
            positions = self.service.wait(self.region, wanted, min(left_s, WAIT_SLICE_S))
            left_s -= WAIT_SLICE_S
            reached = dict(zip(wanted, positions, strict=True))
            if left_s <= 0 or all(position >= one.version for one, position in reached.items()):
                return reached


@dataclass(frozen=True)
class EmbeddedDatastore:
    """One embedded store as seen from `region`."""

    service: EmbeddedStoreService
    store: str
    region: str

    @property
    def waiter(self) -> EmbeddedWaiter:
        return EmbeddedWaiter(self.service, self.region)

    def write(self, table: str, key: str, value: bytes, lineage: bytes, trace: bytes) -> Dependency:
        return self.service.write(self.store, self.region, table, key, value, lineage, trace)

    def delete(self, table: str, key: str, lineage: bytes, trace: bytes) -> Dependency:
        return self.service.delete(self.store, self.region, table, key, lineage, trace)

    def read(self, table: str, key: str) -> Item | None:
        return self.service.read(self.store, self.region, table, key)

    def health(self) -> Health:
        try:
            self.service.wait(self.region, (Dependency(self.store, self.region, 0),), 0.0)
        except WeaverError as error:
            return Health(False, str(error))
        return Health(True, "hosted by this deployment")

    def subscribe(self, exchange: str, key: str, lease_s: float) -> EmbeddedSubscription:
        return EmbeddedSubscription(self.service, (self.store, self.region, exchange, key), lease_s)


class EmbeddedSubscription:
    """A consumer's place at an embedded queue, under a name that nobody else ever has."""

    def __init__(self, service: EmbeddedStoreService, queue: tuple[str, str, str, str], lease_s: float) -> None:
        self._service = service
        self._queue = queue
        self._lease_s = lease_s
        self._consumer = unique_id(16)
        self._is_interrupted = False

    def next(self, done: Message | None) -> Message | None:
        version = done.dependency.version if done else 0
        while not self._is_interrupted:
            message = self._service.take(*self._queue, self._consumer, version, self._lease_s, POLL_S)
            version = 0
            if message is not None and not self._is_interrupted:
                return message
        if version:
            self._service.acknowledge(*self._queue, self._consumer, version)
        self.release()  # what arrived while we were being interrupted goes to somebody else
        return None

    def acknowledge(self, done: Message) -> None:
        self._service.acknowledge(*self._queue, self._consumer, done.dependency.version)

    def release(self) -> None:
        self._service.release(*self._queue, self._consumer)

    def interrupt(self) -> None:
        self._is_interrupted = True
        self._service.interrupt(*self._queue, self._consumer)
