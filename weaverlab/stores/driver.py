"""What each kind of real store adds: how its server is spoken to on one connection, and how its log is ordered.

`ServerStore` (in `server`) makes a datastore of any driver. A driver raises its client's own exceptions; `failure`
says what they mean. Not in here: connections, regions, waiting and errors for the author.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeVar

from weaverlab.antipode import Dependency
from weaverlab.antipode.embedded import Item
from weaverlab.stores.pool import Connection, Endpoint

C = TypeVar("C", bound=Connection)

# refused: the server said no, so nothing was done. unreachable: it was never asked. lost: the connection broke, and
# late: it took too long; in both cases nobody knows what was done.
What = Literal["refused", "unreachable", "lost", "late"]


class Failure(NamedTuple):
    """What an exception of a client means; `reason` holds no credentials."""

    what: What
    reason: str

    @property
    def sentence(self) -> str:
        return sentence(self.reason)


def sentence(said: str) -> str:
    """Return what a client or server said, with one mark at its end, whatever it put there."""
    said = said.rstrip(".")
    return said if said.endswith(("!", "?")) else f"{said}."


class PositionUnknown(Exception):
    """A write or read was done, but its position in the log, which a barrier needs, could not be learnt; says why."""


class Log(Protocol):
    """What one server has applied, at one moment, and the history that it is in."""

    def position(self, dependency: Dependency) -> int | None:
        """Return how far the log of `dependency` has come here: visible if that is at least its version.

        None when its scope names another history than the one that this server is in now.
        """

    def current(self, dependency: Dependency) -> Dependency | None:
        """Return the same write in terms of this server's present history, which may have begun with a failover.

        None when this server does not have it: it was lost, or belongs to servers that were set up anew since.
        """


class Driver(Protocol[C]):
    """One kind of server. Every method but `failure` blocks, for no longer than `limit` allows.

    Where an exception leaves a change, the change was not made, or `failure` calls it lost or late, or it is a
    PositionUnknown.
    """

    has_native_wait: bool

    def connect(self, endpoint: Endpoint, timeout_s: float) -> C:
        """Open a connection, logged in and ready."""

    def limit(self, connection: C, timeout_s: float) -> None:
        """Let each further exchange on this connection take at most `timeout_s`."""

    def write(self, connection: C, table: str, key: str, value: bytes, lineage: bytes) -> Dependency:
        """Store value and lineage as one; return a dependency that is visible where this write is."""

    def delete(self, connection: C, table: str, key: str, lineage: bytes) -> Dependency:
        """Remove an item; return a dependency that is visible where it is gone."""

    def read(self, connection: C, table: str, key: str) -> Item | None:
        """Return the item, with a dependency that is visible only where this item, or a later one, is."""

    def log(self, connection: C) -> Log:
        """Return what this server has applied."""

    def wait(self, connection: C, wanted: Dependency, timeout_s: float) -> None:
        """Let the server block until it has applied `wanted`, at most `timeout_s`; for those with a native wait."""

    def trouble(self, connection: C, is_primary: bool) -> str:
        """Return what keeps this server from being a primary, or a replica that follows one; "" when nothing does."""

    def failure(self, error: Exception) -> Failure | None:
        """Return what an exception of the client means; None for one that is not the client's."""
