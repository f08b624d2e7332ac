"""What a datastore must offer to be used through an agent: the shape of Antipode's shims.

Values and lineages are opaque bytes at this level; positions are what barriers compare. Not in here: pickling and
context (`agent`), and any particular store (`embedded`).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import Item
from weaverlab.antipode.queue import Message


class Waiter(Hashable, Protocol):
    """Waits for dependencies on behalf of one or more stores; equal waiters are asked once for all of theirs."""

    def wait(self, dependencies: Sequence[Dependency], timeout_s: float) -> Mapping[Dependency, int]:
        """Block until all are visible or `timeout_s` has passed; return how far the log of each has come here.

        A position of at least the dependency's version means that it is visible. With a timeout of zero this only
        looks.
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


class Datastore(Protocol):
    """One store as seen from one region. A store without records, or without a queue, raises StoreError for these."""

    @property
    def store(self) -> str:
        """The store's id: the first part of its dependencies."""

    @property
    def region(self) -> str:
        """Where its reads happen and its writes begin."""

    @property
    def waiter(self) -> Waiter:
        """Who waits for this store's dependencies in this region."""

    def write(self, table: str, key: str, value: bytes, lineage: bytes, trace: bytes) -> Dependency:
        """Store an item or publish a message, with its writer's lineage; return only once it is accepted."""

    def delete(self, table: str, key: str, lineage: bytes, trace: bytes) -> Dependency:
        """Remove an item; like a write, this is something one can wait for."""

    def read(self, table: str, key: str) -> Item | None:
        """Return what is visible in this region, None when nothing is."""

    def subscribe(self, exchange: str, key: str, lease_s: float) -> Subscription:
        """Begin to consume; a message that is not acknowledged within `lease_s` is delivered again."""
