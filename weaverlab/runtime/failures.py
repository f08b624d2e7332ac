"""How an exception crosses the wire: class, arguments, cause, notes and the remote traceback.

An exception that cannot be pickled, or not unpickled in the caller's process, or that would end that process if it
were raised there (SystemExit, KeyboardInterrupt), arrives as `RemoteApplicationError`. Not in here: failures of the
call itself.
"""

from __future__ import annotations

import pickle
import sys
import traceback
from dataclasses import dataclass

from weaverlab.errors import RemoteApplicationError

# Dispatcher and stub frames say nothing about the application, so they are left out of remote tracebacks.
_OWN_FRAMES = ("weaverlab/runtime/", "weaverlab\\runtime\\")


def remote_traceback(error: BaseException) -> str:
    """Return `error`'s traceback as text, with the application's frames only where there are any."""
    text = traceback.TracebackException.from_exception(error)
    own = [frame for frame in text.stack if not any(part in frame.filename for part in _OWN_FRAMES)]
    if own:
        text.stack = traceback.StackSummary.from_list(own)
    return "".join(text.format())


@dataclass(frozen=True)
class Failure:
    """An exception on its way. The pickles are empty where there is nothing that could be unpickled."""

    error: bytes
    cause: bytes
    type_name: str
    message: str
    traceback: str


def pack(error: BaseException, where: str) -> Failure:
    """Return what to send for `error`, raised by the replica `where`. Never raises."""
    may_travel = isinstance(error, Exception)
    return Failure(
        _pickled(error) if may_travel else b"",
        _pickled(error.__cause__) if may_travel and error.__cause__ is not None else b"",
        type(error).__qualname__,
        _message(error),
        f"Traceback of {where}:\n{remote_traceback(error)}",
    )


def unpack(failure: Failure) -> BaseException:
    """Return the exception to raise in the caller; its remote traceback is shown below its own. Never raises."""
    error = _unpickled(failure.error)
    if error is None:
        error = RemoteApplicationError(failure.type_name, failure.message, failure.traceback)
    else:
        error.__cause__ = _unpickled(failure.cause)
    if sys.version_info >= (3, 11):
        error.add_note(failure.traceback)
    else:
        (error.__cause__ or error).__cause__ = RemoteTraceback(failure.traceback)
    return error


class RemoteTraceback(Exception):
    """Stands in for an exception note on Python 3.10, which has none: its text is the remote traceback."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _pickled(error: BaseException) -> bytes:
    """Return the pickle of `error`, empty when it cannot be pickled and made again."""
    try:
        pickled = pickle.dumps(error)
        return pickled if type(pickle.loads(pickled)) is type(error) else b""
    except Exception:  # user code runs here: __reduce__, __init__, __setstate__ may raise anything
        return b""


def _unpickled(pickled: bytes) -> BaseException | None:
    """Return the exception; None when there is none, or its class cannot be found in this process."""
    try:
        error = pickle.loads(pickled) if pickled else None
    except Exception:
        return None
    return error if isinstance(error, BaseException) else None


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as fault:
        return f"<its __str__ raised {type(fault).__name__}>"
