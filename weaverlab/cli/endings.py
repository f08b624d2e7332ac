"""How a command ends: its exit code, what is said of an error, and what a signal or a reader that has gone does.

0    done                  2    wrong use
1    a failure of the      130  Ctrl-C                    (128 + the signal's number, as shells report it)
     application           143  SIGTERM
                           141  nobody reads the output any more, as after `weaverlab logs --follow | head`
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import importlib
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from weaverlab import errors
from weaverlab.cli.interrupts import INTERRUPTED, raise_again
from weaverlab.errors import (
    AttachError,
    BundleError,
    ConfigError,
    DeclarationError,
    DeployError,
    ServerError,
    UnknownDeployment,
)

FAILED, WRONG_USE, UNREAD, TERMINATED = 1, 2, 141, 143
_WAY_IN = tuple(str(Path(module.__file__ or "").parent) for module in (click, concurrent.futures, importlib, errors))


class Ended(KeyboardInterrupt):
    """The command is to end now, in order, as after Ctrl-C, but with an exit code of its own."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def end_from_thread(ended: Ended) -> None:
    """Raise `ended` in the main thread, wherever that is, once the process has asked for it by `listen`."""
    _asked.append(ended)
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGTERM)


def listen() -> None:
    """From now on let SIGTERM and Ctrl-C end the command in order."""
    signal.signal(signal.SIGTERM, _end)
    raise_again()


def run_command(command: Callable[[], object]) -> int:
    """Run `command` and return the exit code; every error has been shown, wrong use without a traceback."""
    try:
        command()
        sys.stdout.flush()
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except click.ClickException as error:
        with contextlib.suppress(OSError):  # nobody reads it
            error.show()
        return WRONG_USE
    except (DeclarationError, ConfigError, BundleError, UnknownDeployment) as error:
        say(f"Error: {error}")
        return WRONG_USE
    except (DeployError, AttachError, ServerError) as error:
        say(f"Error: {error}")
        return FAILED
    except Ended as ended:
        if ended.message:
            say(ended.message)
        return ended.code
    except KeyboardInterrupt:
        say("Stopped.")
        return INTERRUPTED
    except SystemExit as exit:
        return exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and (is_unread(sys.stdout) or is_unread(sys.stderr)):
            return UNREAD
        _show(error)
        return FAILED
    return 0


def say(message: str, end: str = "\n") -> None:
    """Write to standard error; when nobody reads it, to nobody."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(message + end)
        sys.stderr.flush()


def is_unread(stream: object) -> bool:
    """Return whether whoever read the pipe behind `stream` has closed it."""
    try:
        fd = stream.fileno()  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
    poll = select.poll()
    poll.register(fd, 0)  # errors and hang-ups are always told
    return any(state & select.POLLERR for _, state in poll.poll(0))


def let_go_of_unread_output() -> None:
    """Let what is still in buffers of broken pipes vanish, so that the interpreter does not complain at its end."""
    for stream in (sys.stdout, sys.stderr):
        if is_unread(stream):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


_asked: list[Ended] = []


def _end(number: int, frame: FrameType | None) -> None:
    raise _asked.pop() if _asked else Ended(TERMINATED, "Stopped.")


def _show(error: Exception) -> None:
    """Print an error of the application as Python would, without the frames that led from here to the application.

    One that a weavelet raised brings its own traceback in a note, and one of syntax its own line. Whatever has
    no frame outside WeaverLab is a fault of WeaverLab, and is shown in full.
    """
    frame = error.__traceback__
    while frame is not None and _is_way_in(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    if frame is None and not _says_where(error):
        frame = error.__traceback__
    say("".join(traceback.format_exception(type(error), error, frame)), end="")


def _is_way_in(filename: str) -> bool:
    return filename.startswith((*_WAY_IN, "<frozen "))


def _says_where(error: Exception) -> bool:
    """Tell whether `error` shows by itself where it was raised: see `runtime.failures.unpack`."""
    from weaverlab.runtime.failures import RemoteTraceback

    is_remote = bool(getattr(error, "__notes__", ())) or isinstance(error.__cause__, RemoteTraceback)
    return is_remote or isinstance(error, SyntaxError)
