"""What `%load_ext weaverlab` installs in a shell, and `%unload_ext weaverlab` takes out again."""

from __future__ import annotations

import atexit
import threading
from contextlib import ExitStack
from typing import Any

from weaverlab.deployers import run_by, show_by_default, stop_all
from weaverlab.notebook.cell import this_cell
from weaverlab.notebook.lines import CellLines
from weaverlab.notebook.live import LiveViews
from weaverlab.notebook.magic import MAGIC, WeaverMagic
from weaverlab.notebook.session import SESSION
from weaverlab.notebook.stopping import SignalsWakeLoop
from weaverlab.pictures import Picture

EXIT_DRAIN_S = 0.5  # a front end kills its kernel a few seconds after it has asked it to shut down

_loaded: dict[int, ExitStack] = {}  # by id of the shell: what to take out again


def load(shell: Any) -> None:
    """Install the magic, its completion, live pictures, and output under cells."""
    if id(shell) in _loaded:
        return
    views = LiveViews(shell)
    stack = _loaded[id(shell)] = ExitStack()
    stack.callback(views.close)
    magic = WeaverMagic(shell, SESSION, views)
    shell.register_magic_function(magic, "line", MAGIC)
    shell.set_hook("complete_command", magic.complete, str_key=f"%{MAGIC}")
    show_by_default(lambda: CellLines(this_cell(shell).write))
    run_by(magic.run)
    if getattr(shell, "kernel", None) is not None:  # a terminal shows a picture's text
        shell.display_formatter.ipython_display_formatter.for_type(Picture, views.show)
        if threading.current_thread() is threading.main_thread():  # where signals arrive; a subshell has another
            stack.callback(SignalsWakeLoop().close)
    # A kernel that shuts down kills all its child processes, and the weavelets too, before `atexit`: stop them first.
    shell.observe(_stop_at_exit, "exit_now")
    atexit.register(_stop_at_exit)


def unload(shell: Any) -> None:
    """Stop the deployment and restore the shell."""
    SESSION.stop()
    if id(shell) not in _loaded:
        return
    _loaded.pop(id(shell)).close()
    shell.unobserve(_stop_at_exit, "exit_now")
    atexit.unregister(_stop_at_exit)
    show_by_default(None)
    run_by(None)
    shell.magics_manager.magics["line"].pop(MAGIC, None)
    shell.strdispatchers["complete_command"].strs.pop(f"%{MAGIC}", None)
    formatter = shell.display_formatter.ipython_display_formatter
    if Picture in formatter:
        formatter.pop(Picture)


def _stop_at_exit(change: object = None) -> None:
    stop_all(EXIT_DRAIN_S)
