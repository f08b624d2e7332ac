"""What `%load_ext weaverlab` installs in a shell, and `%unload_ext weaverlab` takes out again."""

from __future__ import annotations

import atexit
from typing import Any

from weaverlab.deployers import show_by_default
from weaverlab.notebook.cell import this_cell
from weaverlab.notebook.lines import CellLines
from weaverlab.notebook.live import LiveViews
from weaverlab.notebook.magic import MAGIC, WeaverMagic
from weaverlab.notebook.session import SESSION
from weaverlab.pictures import Picture

_loaded: dict[int, LiveViews] = {}  # by id of the shell


def load(shell: Any) -> None:
    """Install the magic, its completion, live pictures, and output under cells."""
    if id(shell) in _loaded:
        return
    views = _loaded[id(shell)] = LiveViews(shell)
    magic = WeaverMagic(shell, SESSION, views)
    shell.register_magic_function(magic, "line", MAGIC)
    shell.set_hook("complete_command", magic.complete, str_key=f"%{MAGIC}")
    show_by_default(lambda: CellLines(this_cell(shell).write))
    if getattr(shell, "kernel", None) is not None:  # a terminal shows a picture's text
        shell.display_formatter.ipython_display_formatter.for_type(Picture, views.show)
    atexit.register(SESSION.stop)


def unload(shell: Any) -> None:
    """Stop the deployment and restore the shell."""
    SESSION.stop()
    if id(shell) not in _loaded:
        return
    _loaded.pop(id(shell)).close()
    atexit.unregister(SESSION.stop)
    show_by_default(None)
    shell.magics_manager.magics["line"].pop(MAGIC, None)
    shell.strdispatchers["complete_command"].strs.pop(f"%{MAGIC}", None)
    formatter = shell.display_formatter.ipython_display_formatter
    if Picture in formatter:
        formatter.pop(Picture)
