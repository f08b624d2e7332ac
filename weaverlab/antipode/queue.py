"""The embedded queue as a data structure: messages that travel between regions and are handled at least once.

A message that is published in one region reaches the queue (exchange, key) of every region of the store after that
link's lag. In each region the consumers of a queue compete: a message is leased to one of them, and leaves when
that one acknowledges it. A consumer that closes, or lets its lease run out, gives it back.

            publish             take                acknowledge
    ------------------> ready -------> leased -----------------> gone
                          ^                |
                          +----------------+  release, close, or lease expired

Not in here: logs and links (`replication`), pickling, threads and waiting (`stores`).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from weaverlab.antipode.lineage import Dependency
from weaverlab.antipode.replication import Applied, Entry, Replication
from weaverlab.errors import StoreError

if TYPE_CHECKING:
    from weaverlab.clock import Rng
    from weaverlab.config import Lag

CAPACITY = 10_000  # messages per queue and region: minutes of a lab's load, and a few megabytes


class Message(NamedTuple):
    """What a consumer gets: the value, the lineage of its writer, the write itself, and its request's trace."""

    value: bytes
    lineage: bytes
    dependency: Dependency
    trace: bytes


class Lease(NamedTuple):
    """A message that a consumer is handling; `arrived_s` is its place in the queue when it comes back."""

    consumer: str
    expires_s: float
    arrived_s: float
    message: Message


@dataclass
class RegionQueue:
    """One (exchange, key) in one region. `waiting` is a heap by arrival: its head is ready once that has passed."""

    waiting: list[tuple[float, int, Message]] = field(default_factory=list)
    leases: dict[int, Lease] = field(default_factory=dict)  # by version
    has_consumer: bool = False  # somebody has asked for a message here, ever

    def __len__(self) -> int:
        return len(self.waiting) + len(self.leases)

    def give_back(self, version: int) -> None:
        lease = self.leases.pop(version)
        heapq.heappush(self.waiting, (lease.arrived_s, version, lease.message))


class EmbeddedQueue:
    """The queues of one store. A lease is held by `consumer`, a name that is unique to one consumer's life."""

    def __init__(
        self,
        store: str,
        regions: Sequence[str],
        lag: Callable[[str, str], Lag],
        rng: Rng,
        on_applied: Applied | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        self.log = Replication(store, regions, lag, rng, on_applied or _ignore)
        self._capacity = capacity
        self._queues: dict[tuple[str, str, str], RegionQueue] = {}

    def publish(
        self, region: str, exchange: str, key: str, value: bytes, lineage: bytes, now_s: float, trace: bytes = b""
    ) -> Dependency:
        """Send a message to this queue in every region.

        Raises:
            StoreError: a queue is full. Nothing was published then. A queue that nobody consumes from, while
                another region does, is no reason to refuse: it keeps the newest messages.
        """
        self.log.check_region(region)
        queues = {target: self._queue(target, exchange, key) for target in self.log.regions}
        self._make_room(queues, exchange, key)
        entry, arrivals_s = self.log.append(region, exchange, key, value, lineage, trace, now_s)
        message = Message(value, lineage, Dependency(self.log.store, region, entry.position), trace)
        for target, queue in queues.items():
            heapq.heappush(queue.waiting, (arrivals_s[target], entry.position, message))
        return message.dependency

    def take(self, region: str, exchange: str, key: str, consumer: str, now_s: float, lease_s: float) -> Message | None:
        """Lease the message that has waited longest to `consumer`, for `lease_s`; None when none is ready."""
        self.log.check_region(region)
        queue = self._queue(region, exchange, key)
        queue.has_consumer = True
        for version in [version for version, lease in queue.leases.items() if lease.expires_s <= now_s]:
            queue.give_back(version)
        if not queue.waiting or queue.waiting[0][0] > now_s:
            return None
        arrived_s, version, message = heapq.heappop(queue.waiting)
        queue.leases[version] = Lease(consumer, now_s + lease_s, arrived_s, message)
        return message

    def acknowledge(self, region: str, exchange: str, key: str, consumer: str, version: int) -> bool:
        """Forget a message that `consumer` has handled. False when its lease had passed to somebody else."""
        queue = self._queue(region, exchange, key)
        if version not in queue.leases or queue.leases[version].consumer != consumer:
            return False
        del queue.leases[version]
        return True

    def release(self, region: str, exchange: str, key: str, consumer: str) -> int:
        """Give back everything that `consumer` holds, at its old place in the queue; return how many."""
        queue = self._queue(region, exchange, key)
        held = [version for version, lease in queue.leases.items() if lease.consumer == consumer]
        for version in held:
            queue.give_back(version)
        return len(held)

    def next_delivery_s(self, region: str, exchange: str, key: str) -> float | None:
        """Return when `take` may next find something (an arrival, or a lease that runs out); None if never."""
        queue = self._queue(region, exchange, key)
        times_s = [lease.expires_s for lease in queue.leases.values()]
        if queue.waiting:
            times_s.append(queue.waiting[0][0])
        return min(times_s, default=None)

    def _queue(self, region: str, exchange: str, key: str) -> RegionQueue:
        return self._queues.setdefault((region, exchange, key), RegionQueue())

    def _make_room(self, queues: dict[str, RegionQueue], exchange: str, key: str) -> None:
        """Refuse when somebody would lose a message; where nobody listens, drop the oldest."""
        somebody_consumes = any(queue.has_consumer for queue in queues.values())
        full = {region: queue for region, queue in queues.items() if len(queue) >= self._capacity}
        for region, queue in full.items():
            if queue.has_consumer or not somebody_consumes:
                who = "its consumers are too slow" if queue.has_consumer else "nobody consumes from it"
                raise StoreError(
                    f"queue {exchange}/{key} of store {self.log.store!r} is full in region {region!r}: "
                    f"{len(queue)} messages, and {who}. Nothing was published."
                )
        for queue in full.values():
            heapq.heappop(queue.waiting)


def _ignore(region: str, entry: Entry, at_s: float) -> None:
    """Nobody wants to know what was applied."""
