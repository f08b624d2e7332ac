"""How an exception crosses the wire: class, arguments, cause, notes and the remote traceback.

An exception that cannot be pickled, or that would end the caller's process if it were raised there
(SystemExit, KeyboardInterrupt), arrives as `RemoteApplicationError`. Not in here: failures of the call itself.
"""

from __future__ import annotations

import pickle
import sys
import traceback

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


def pack(error: BaseException, where: str) -> tuple[BaseException, BaseException | None, str]:
    """Return what to send for `error`, raised by the replica `where`: itself, its cause, the traceback as text."""
    text = f"Traceback of {where}:\n{remote_traceback(error)}"
    if isinstance(error, Exception) and _survives(error):
        cause = error.__cause__ if error.__cause__ is not None and _survives(error.__cause__) else None
        return error, cause, text
    return RemoteApplicationError(type(error).__qualname__, str(error), text), None, text


def unpack(packed: tuple[BaseException, BaseException | None, str]) -> BaseException:
    """Return the exception to raise in the caller; its remote traceback is shown below its own."""
    error, cause, text = packed
    error.__cause__ = cause
    if sys.version_info >= (3, 11):
        error.add_note(text)
    elif cause is None:
        error.__cause__ = RemoteTraceback(text)
    return error


class RemoteTraceback(Exception):
    """Stands in for an exception note on Python 3.10, which has none: its text is the remote traceback."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _survives(error: BaseException) -> bool:
    """Tell whether `error` can be pickled and made again from what was pickled."""
    try:
        return type(pickle.loads(pickle.dumps(error))) is type(error)
    except Exception:  # user code runs here: __reduce__, __init__, __setstate__ may raise anything
        return False
