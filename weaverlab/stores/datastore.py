"""What a datastore must offer to be used through an agent: the shape of Antipode's shims.

Values and lineages are opaque bytes at this level; positions are what barriers compare. Not in here: pickling and
context (`agent`), and any particular store (`embedded`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import Item
from weaverlab.antipode.queue import Message


class Waiter(Hashable, Protocol):
    """Waits for dependencies on behalf of one or more stores; equal waiters are asked once for all of theirs."""

    def wait(self, dependencies: Sequence[Dependency], timeout_s: float) -> Mapping[Dependency, int]:
        """Block until all are visible or `timeout_s` has passed; return how far the log of each has come here.

        A position of at least the dependency's version means that it is visible. With a timeout of zero this only
        looks. A longer wait is one of slices, a second at most, with `blocking.check_wanted` before each.
        """


class Subscription(Protocol):
    """One consumer's place at a queue. Only `interrupt` may be called from another thread."""

    def next(self, done: Message | None) -> Message | None:
        """Acknowledge `done`, then block for the next message; None once interrupted."""

    def acknowledge(self, done: Message) -> None:
        """Say that `done` has been handled, without asking for another."""

    def release(self) -> None:
        """Give back every message that is not acknowledged, to be delivered again, here or elsewhere."""

    def interrupt(self) -> None:
        """Let a blocked `next`, and every later one, return None."""


class Health(NamedTuple):
    """Whether a store can be used from one region; `detail` says how far its replica is, or what is wrong."""

    is_healthy: bool
    detail: str


class DeadLetter(NamedTuple):
    """A message that could not be handled; `value` is pickled, `dependency` None when it is no message of ours."""

    reason: str
    dependency: Dependency | None
    value: bytes


@runtime_checkable
class KeepsDeadLetters(Protocol):
    """A queue that puts aside what cannot be handled."""

    def dead_letters(self, exchange: str, key: str) -> Sequence[DeadLetter]:
        """Return the dead letters of this queue in this region, oldest first, and leave them where they are."""

    def requeue_dead_letters(self, exchange: str, key: str) -> int:
        """Put them all back into the queue of this region; return how many."""


class Datastore(Protocol):
    """One store as seen from one region. A store without records, or without a queue, raises StoreError for these."""

    @property
    def store(self) -> str:
        """The store's id: the first part of its dependencies."""

    @property
    def region(self) -> str:
        """Where its reads happen and its writes begin."""

    @property
    def waiter(self) -> Waiter | None:
        """Who waits for this store's dependencies in this region; None where nobody can, and barriers skip it."""

    def write(self, table: str, key: str, value: bytes, lineage: bytes, trace: bytes) -> Dependency:
        """Store an item or publish a message, with its writer's lineage; return only once it is accepted."""

    def delete(self, table: str, key: str, lineage: bytes, trace: bytes) -> Dependency:
        """Remove an item; like a write, this is something one can wait for."""

    def read(self, table: str, key: str) -> Item | None:
        """Return what is visible in this region, None when nothing is."""

    def health(self) -> Health:
        """Return how the store is now: it asks the servers that reads and writes here would ask, and never raises."""

    def subscribe(self, exchange: str, key: str, lease_s: float) -> Subscription:
        """Begin to consume; a message that is not acknowledged within `lease_s` is delivered again."""
