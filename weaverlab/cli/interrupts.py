"""Ctrl-C while there is nothing to stop: before a command has been imported, and after it has ended.

Imports little by itself, as it comes first. What Ctrl-C does to a command is in `endings`.
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

INTERRUPTED = 130  # 128 + the signal's number, as shells report it


def end_at_once() -> None:
    """From now on let Ctrl-C end the process, without a traceback through whatever is imported just then."""
    _set(_end)


def raise_again() -> None:
    """From now on let Ctrl-C be a KeyboardInterrupt, as usual."""
    _set(signal.default_int_handler)


def _set(handler: signal._HANDLER) -> None:
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # which `nohup` and `&` in a script have asked for
        signal.signal(signal.SIGINT, handler)


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):  # nobody reads it
        os.write(2, b"Stopped.\n")
    os._exit(INTERRUPTED)
