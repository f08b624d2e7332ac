"""How an error of the magic looks: its message in one piece, and no traceback of ours around it.

Tracebacks of weavelets name the notebook's cells and lines, as the notebook's own do.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import weaverlab.errors

_HERE = re.escape(str(Path(weaverlab.errors.__file__).parent))
_FRAME = re.compile(r'^( *)File "([^"]+)", line (\d+)', re.MULTILINE)
_OUR_FRAME = re.compile(rf'^ *File "{_HERE}[^\n]*\n(?: {{4,}}[^\n]*\n)*', re.MULTILINE)
_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


def show_plainly(error: BaseException, shell: Any, note: str = "") -> None:
    """Let the shell show `error` as its name, its message and `note`, when it comes to show it."""
    text = f"{_RED}{type(error).__name__}{_PLAIN}: {in_cells(str(error), shell)}"
    lines = [*text.splitlines(), *([note] if note else [])]
    # IPython asks every exception for this method, on the instance too.
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]


def in_cells(text: str, shell: Any) -> str:
    """Return a text with tracebacks in it, with cells in the place of their files, and without our own frames."""
    without_ours = _OUR_FRAME.sub("", text)
    return _FRAME.sub(lambda frame: _place(frame, shell), without_ours)


def _place(frame: re.Match[str], shell: Any) -> str:
    indent, filename, line = frame.groups()
    found = shell.compile.format_code_name(filename)
    return frame[0] if found is None else f"{indent}{found[0]} {found[1]}, line {line}"
