"""The whole error tree.

A caller of a distributed system first needs to know whether the call may have happened, so every
`RemoteCallError` says so in `maybe_executed`. Errors of declarations and configuration carry *all* faults
at once. Not in here: errors that an application defines for itself; those cross the wire as they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the known name closest to `name`, or `""` when none is close."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return f" Did you mean {by_folded[close[0]]!r}?" if close else ""


class WeaverError(Exception):
    """Base of every error that WeaverLab raises."""


class FaultsError(WeaverError):
    """Several faults found together; `faults` holds one sentence or paragraph for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(tuple(faults))
        self.faults = tuple(faults)

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return self.faults[0]
        return f"{len(self.faults)} faults:\n" + "\n".join(f"  {i}. {fault}" for i, fault in enumerate(self.faults, 1))


class DeclarationError(FaultsError):
    """Components are declared wrongly; found when a class is defined or before the first process starts."""


class ConfigError(FaultsError):
    """weaver.toml, or an argument that stands for a part of it, is wrong."""


class BundleError(FaultsError):
    """A definition of the notebook cannot be shipped to another process."""


class DeployError(WeaverError):
    """A deployment could not start, or could not go on; carries the failing process's own traceback."""


class StoppedError(WeaverError):
    """The deployment that this handle belongs to has been stopped."""


class AttachError(WeaverError):
    """A deployment of another process does not answer, or may not be asked."""


class UnknownDeployment(AttachError):
    """No running deployment of this user, or more than one, is meant by what was given."""


class RoutingError(WeaverError):
    """A router raised, or returned something else than it declares, so the call was not made."""


class AuthenticationError(WeaverError):
    """A peer did not prove that it belongs to this deployment: by its secret or, with mtls, by a certificate."""


class ProtocolError(WeaverError):
    """A peer sent bytes that are not a frame of this protocol version."""


class CannotTravel(WeaverError, TypeError):
    """A value cannot be pickled, cannot be unpickled where it arrived, or is larger than a frame may be."""


class NotFoundError(WeaverError, KeyError):
    """The datastore holds no item under this table and key, as seen from this region."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else "not found"


class StoreError(WeaverError):
    """A datastore could not do what was asked; nothing is reported as written that was not."""


class ServerError(WeaverError):
    """A datastore server for an experiment could not be started, or did not do what it was told; has its last words."""


class BarrierTimeout(WeaverError, TimeoutError):
    """A barrier gave up waiting; `report` names what is missing and by how much."""

    def __init__(self, message: str, report: object = None) -> None:
        super().__init__(message, report)
        self.message = message
        self.report = report

    def __str__(self) -> str:
        return self.message


class RemoteCallError(WeaverError):
    """A call did not complete. When `maybe_executed` is true it may have had its effect all the same."""

    def __init__(self, message: str, *, maybe_executed: bool = False, attempts: int = 1) -> None:
        super().__init__(message)
        self.maybe_executed = maybe_executed
        self.attempts = attempts

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.args, self.__dict__

    def __str__(self) -> str:
        may = "may have executed" if self.maybe_executed else "was certainly not executed"
        return f"{self.args[0]} (the call {may}; attempts: {self.attempts})"


class Unreachable(RemoteCallError):
    """No replica took the call: it never left this process, so repeating it is safe."""


class CallLost(RemoteCallError):
    """The link broke after the call left: it may have run, so repeat only what is idempotent."""


class DeadlineExceeded(RemoteCallError, TimeoutError):
    """The call's time ran out before an answer came."""


class Cancelled(BaseException):
    """Raised in a blocking method whose caller has left, or whose time is over; nobody waits for its result.

    Like KeyboardInterrupt and asyncio.CancelledError it is no `Exception`, so `except Exception` lets it through. Clean
    up in `finally`, and let it go on.
    """

    def __init__(self, message: str = "the caller of this method has left, or its time is over") -> None:
        super().__init__(message)


class NotPermitted(RemoteCallError):
    """The callee refused, as no component of the caller's group has a ref to it (mtls). Repeating it is no use."""


class RemoteApplicationError(WeaverError):
    """A component raised an exception that cannot be raised here; here are its type, message and traceback."""

    def __init__(self, type_name: str, message: str, remote_traceback: str) -> None:
        super().__init__(type_name, message, remote_traceback)
        self.type_name = type_name
        self.message = message
        self.remote_traceback = remote_traceback

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}"
