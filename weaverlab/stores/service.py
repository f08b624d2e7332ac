"""The service that hosts every embedded store of a deployment: an ordinary component in a process of its own.

This is the thread-safe shell around the cores of `antipode.embedded` and `antipode.queue`; one lock guards them all.
Every wait is bounded, and wakes at the moment when what it waits for becomes visible, since the cores know it.
Values are opaque bytes. Not in here: how agents reach the service (`embedded`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import EmbeddedStore, Item
from weaverlab.antipode.queue import EmbeddedQueue, Message
from weaverlab.antipode.replication import Entry, Replication
from weaverlab.clock import Clock, Rng, SystemClock, system_rng
from weaverlab.component import Implements, Interface, not_retriable
from weaverlab.errors import ConfigError, StoppedError, StoreError, nearest
from weaverlab.history import Applied

if TYPE_CHECKING:
    from weaverlab.config import AntipodeConfig

MAX_WAIT_S = 10.0  # of one call: well under the default deadline of a call (30 s); who wants more asks again
HISTORY_MAX = 20_000  # events, a few megabytes; only traced requests leave any
KINDS = {"embedded-kv": EmbeddedStore, "embedded-queue": EmbeddedQueue}


class EmbeddedStoreService(Interface):
    """The embedded stores, by store id and region. Writes are never repeated by a retry: each is a new version."""

    @not_retriable
    def write(
        self, store: str, region: str, table: str, key: str, value: bytes, lineage: bytes, trace: bytes
    ) -> Dependency:
        """Write an item, or publish a message when `store` is a queue."""
        raise NotImplementedError

    @not_retriable
    def delete(self, store: str, region: str, table: str, key: str, lineage: bytes, trace: bytes) -> Dependency:
        """Delete an item."""
        raise NotImplementedError

    def read(self, store: str, region: str, table: str, key: str) -> Item | None:
        """Return what `region` sees now."""
        raise NotImplementedError

    def wait(self, region: str, dependencies: tuple[Dependency, ...], timeout_s: float) -> tuple[int, ...]:
        """Block until all are applied in `region`, at most MAX_WAIT_S; return the position of each one's log."""
        raise NotImplementedError

    @not_retriable
    def take(
        self,
        store: str,
        region: str,
        exchange: str,
        key: str,
        consumer: str,
        done: int,
        lease_s: float,
        timeout_s: float,
    ) -> Message | None:
        """Acknowledge version `done` (0: none), then block for the next message, at most MAX_WAIT_S."""
        raise NotImplementedError

    def acknowledge(self, store: str, region: str, exchange: str, key: str, consumer: str, done: int) -> bool:
        """Forget a handled message; false when its lease had run out and somebody else has it."""
        raise NotImplementedError

    def release(self, store: str, region: str, exchange: str, key: str, consumer: str) -> int:
        """Make all that `consumer` holds available again; return how many messages. The last word of a consumer."""
        raise NotImplementedError

    def interrupt(self, store: str, region: str, exchange: str, key: str, consumer: str) -> None:
        """Let a `take` of this consumer return None, be it blocked now or still on its way."""
        raise NotImplementedError

    def history(self) -> tuple[Applied, ...]:
        """Return the newest of what traced writes became visible where and when."""
        raise NotImplementedError


class EmbeddedStores(Implements[EmbeddedStoreService], EmbeddedStoreService):
    """Hosts the stores that `configs` describe; `rng` makes the chance of a store from its seed."""

    def __init__(
        self,
        configs: Sequence[AntipodeConfig] = (),
        clock: Clock = SystemClock,
        rng: Callable[[int | None], Rng] = system_rng,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards everything below; every condition shares it
        self._written = threading.Condition(self._lock)  # for who waits for a write that has not been made
        self._stopped = threading.Condition(self._lock)  # for who knows when to wake up
        self._published: dict[tuple[str, str, str, str], threading.Condition] = {}  # for the consumers of one queue
        self._interrupted: set[str] = set()  # consumers that want nothing more, until they release
        self._is_stopped = False
        self._history: deque[Applied] = deque(maxlen=HISTORY_MAX)
        self._stores: dict[str, EmbeddedStore | EmbeddedQueue] = {}
        for config in configs:
            self._open(config, rng(config.seed))

    def shutdown(self) -> None:
        with self._lock:
            self._is_stopped = True
            for condition in (self._written, self._stopped, *self._published.values()):
                condition.notify_all()

    def write(
        self, store: str, region: str, table: str, key: str, value: bytes, lineage: bytes, trace: bytes
    ) -> Dependency:
        with self._lock:
            core, now_s = self._store(store), self._clock.now_s()
            if isinstance(core, EmbeddedQueue):
                dependency = core.publish(region, table, key, value, lineage, now_s, trace)
                for target in core.log.regions:
                    self._arrival(store, target, table, key).notify_all()
            else:
                dependency = core.write(region, table, key, value, lineage, now_s, trace)
            self._written.notify_all()
            return dependency

    def delete(self, store: str, region: str, table: str, key: str, lineage: bytes, trace: bytes) -> Dependency:
        with self._lock:
            dependency = self._records(store).delete(region, table, key, lineage, self._clock.now_s(), trace)
            self._written.notify_all()
            return dependency

    def read(self, store: str, region: str, table: str, key: str) -> Item | None:
        with self._lock:
            return self._records(store).read(region, table, key, self._clock.now_s())

    def wait(self, region: str, dependencies: tuple[Dependency, ...], timeout_s: float) -> tuple[int, ...]:
        with self._lock:
            until_s = self._clock.now_s() + min(timeout_s, MAX_WAIT_S)
            while True:
                now_s = self._clock.now_s()
                logs = [self._store(dependency.store).log for dependency in dependencies]
                positions = tuple(
                    log.applied(region, dependency.scope, now_s)
                    for log, dependency in zip(logs, dependencies, strict=True)
                )
                missing = [
                    (log, dependency)
                    for log, dependency, position in zip(logs, dependencies, positions, strict=True)
                    if position < dependency.version
                ]
                if not missing or now_s >= until_s:
                    return positions
                self._sleep_until_visible(missing, region, now_s, until_s)

    def take(
        self,
        store: str,
        region: str,
        exchange: str,
        key: str,
        consumer: str,
        done: int,
        lease_s: float,
        timeout_s: float,
    ) -> Message | None:
        with self._lock:
            queue, arrival = self._queue(store), self._arrival(store, region, exchange, key)
            if done:
                queue.acknowledge(region, exchange, key, consumer, done)
            until_s = self._clock.now_s() + min(timeout_s, MAX_WAIT_S)
            while consumer not in self._interrupted:
                now_s = self._clock.now_s()
                message = queue.take(region, exchange, key, consumer, now_s, lease_s)
                if message is not None or now_s >= until_s:
                    return message
                next_s = queue.next_delivery_s(region, exchange, key)
                self._sleep(arrival, now_s, until_s if next_s is None else min(until_s, next_s))
            return None

    def acknowledge(self, store: str, region: str, exchange: str, key: str, consumer: str, done: int) -> bool:
        with self._lock:
            return self._queue(store).acknowledge(region, exchange, key, consumer, done)

    def release(self, store: str, region: str, exchange: str, key: str, consumer: str) -> int:
        with self._lock:
            self._interrupted.discard(consumer)
            released = self._queue(store).release(region, exchange, key, consumer)
            self._arrival(store, region, exchange, key).notify_all()
            return released

    def interrupt(self, store: str, region: str, exchange: str, key: str, consumer: str) -> None:
        with self._lock:
            self._interrupted.add(consumer)
            self._arrival(store, region, exchange, key).notify_all()

    def history(self) -> tuple[Applied, ...]:
        with self._lock:
            now_s = self._clock.now_s()
            for core in self._stores.values():
                core.log.advance(now_s)
            return tuple(self._history)

    def _sleep_until_visible(
        self, missing: list[tuple[Replication, Dependency]], region: str, now_s: float, until_s: float
    ) -> None:
        """Sleep until the last of `missing` arrives; or, when one is not even written yet, until something is."""
        times_s = [log.visible_at_s(dependency, region) for log, dependency in missing]
        known_s = [time_s for time_s in times_s if time_s is not None]
        if len(known_s) < len(times_s):
            self._sleep(self._written, now_s, until_s)
        else:
            self._sleep(self._stopped, now_s, min(until_s, max(known_s)))

    def _sleep(self, condition: threading.Condition, now_s: float, until_s: float) -> None:
        """Give the lock away until notified or `until_s`: the one place where a store blocks."""
        if not self._is_stopped:
            condition.wait(until_s - now_s)
        if self._is_stopped:
            raise StoppedError("the embedded stores of this deployment have been stopped.")

    def _open(self, config: AntipodeConfig, rng: Rng) -> None:
        if config.type not in KINDS:
            return  # a real store; its agents reach it themselves
        if config.id in self._stores:
            raise ConfigError([f"[antipode.{config.name}]: id {config.id!r} is taken by another store."])
        self._stores[config.id] = KINDS[config.type](
            config.id, config.regions, config.lag, rng, self._remember(config.id)
        )

    def _remember(self, store: str) -> Callable[[str, Entry, float], None]:
        """Return what notes each entry of a traced request as it becomes visible in a region."""

        def remember(region: str, entry: Entry, at_s: float) -> None:
            if entry.trace:
                request, where = entry.trace.hex(), (EmbeddedStores.__name__, "", region)
                self._history.append(
                    Applied(at_s, request, *where, store, entry.table, entry.key, entry.origin, entry.position)
                )

        return remember

    def _store(self, store: str) -> EmbeddedStore | EmbeddedQueue:
        if store not in self._stores:
            known = ", ".join(sorted(self._stores)) or "none"
            raise StoreError(f"no embedded store {store!r}; configured: {known}.{nearest(store, self._stores)}")
        return self._stores[store]

    def _records(self, store: str) -> EmbeddedStore:
        core = self._store(store)
        if isinstance(core, EmbeddedQueue):
            raise StoreError(f"store {store!r} is a queue: its messages are consumed, not read or deleted by key.")
        return core

    def _queue(self, store: str) -> EmbeddedQueue:
        core = self._store(store)
        if isinstance(core, EmbeddedStore):
            raise StoreError(f"store {store!r} keeps records: they are read, not consumed. Use an embedded-queue.")
        return core

    def _arrival(self, store: str, region: str, exchange: str, key: str) -> threading.Condition:
        return self._published.setdefault((store, region, exchange, key), threading.Condition(self._lock))
