"""Where the code of `__main__` comes from: the cells of a notebook, or the one file of a script.

Read from IPython's own records (its history in the namespace, its sources in `linecache`), so that nothing
here imports IPython. Not in here: what the code means (`statements`).
"""

from __future__ import annotations
import __future__

import ast
import dataclasses
import linecache
import os
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

# Cell magics whose body is run, once, as part of the notebook's own namespace.
_TRANSPARENT_CELL_MAGICS = {"time", "capture", "prun"}


@dataclass(frozen=True)
class Cell:
    """One piece of source that was run in `__main__`.

    `number` is the execution count a notebook shows, or None for a file; `flags` are the `from __future__`
    features in force, which in a notebook last from one cell to the next.
    """

    filename: str
    source: str
    number: int | None = None
    flags: int = 0

    @property
    def label(self) -> str:
        return os.path.basename(self.filename) if self.number is None else f"cell {self.number}"


def cells_of(namespace: Mapping[str, Any]) -> tuple[Cell, ...]:
    """Return what was run in `namespace`, in order of execution; nothing when no source can be found.

    A cell that was run twice is there twice. Sources that only linecache knows (`%run`, silent requests,
    the interactive interpreter) come first, since their place in the order is not recorded.
    """
    history = namespace.get("_ih")
    if isinstance(history, list):
        known = tuple(_shell_cells(history))
    elif isinstance(namespace.get("__file__"), str):
        known = _script_cell(namespace["__file__"])
    else:
        known = ()
    return prepared((*_elsewhere(namespace, {cell.filename for cell in known}), *known))


def prepared(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Return the cells that are Python, with magics blanked out and the features of `__future__` in force."""
    ready: list[Cell] = []
    flags = 0
    for cell in cells:
        source = _parsable(cell.source)
        if source is None:
            continue  # this cell never ran: it was a syntax error for the notebook as well
        features = _future_flags(source)
        flags = features if cell.number is None else flags | features
        ready.append(dataclasses.replace(cell, source=source, flags=cell.flags | flags))
    return tuple(ready)


def remember(cell: Cell) -> None:
    """Make tracebacks and `inspect.getsource` of this process show the lines of `cell`."""
    lines = [f"{line}\n" for line in cell.source.splitlines()]
    # No modification time: linecache then never looks for the file.
    linecache.cache[cell.filename] = (len(cell.source), None, lines, cell.filename)


def code_of(value: object) -> Iterator[CodeType]:
    """Yield the code objects from which one can tell where `value`, a function or class, was written.

    Of a class these are the methods written in its body, not what was generated or put there later.
    """
    members = list(vars(value).values()) if isinstance(value, type) else [value]
    prefix = f"{value.__qualname__}." if isinstance(value, type) else ""
    for member in members:
        if isinstance(member, (staticmethod, classmethod)):
            member = member.__func__
        if isinstance(member, property):
            member = member.fget
        # Looked up in the instance, since a proxy may answer to any attribute.
        while (wrapped := getattr(member, "__dict__", {}).get("__wrapped__")) is not None:
            member = wrapped
        if (
            isinstance(member, FunctionType)
            and member.__module__ == value.__module__
            and member.__qualname__.startswith(prefix)
        ):
            yield member.__code__


def _shell_cells(history: Sequence[str]) -> Iterator[Cell]:
    filename_of = {
        "".join(entry[2]).rstrip("\n"): name
        for name, entry in list(linecache.cache.items())
        if len(entry) == 4 and entry[1] is None
    }
    for number, source in enumerate(history):
        for text in (source, *_magic_bodies(source)):
            body = text.strip("\n")
            filename = filename_of.get(text.rstrip("\n")) or filename_of.get(body) or f"<cell {number}>"
            if body and not _is_only_magic(text):
                yield Cell(filename, text, number)


def _magic_bodies(source: str) -> Iterator[str]:
    """Yield the bodies of `%%time` and its like, which IPython keeps as one string in a call."""
    if "run_cell_magic" not in source:
        return
    for call in ast.walk(_tree(source) or ast.Module([], [])):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "run_cell_magic" and len(call.args) == 3:
            magic, _, body = (getattr(argument, "value", None) for argument in call.args)
            if magic in _TRANSPARENT_CELL_MAGICS and isinstance(body, str):
                yield body


def _is_only_magic(source: str) -> bool:
    return source.startswith("get_ipython().run_cell_magic(")


def _script_cell(path: str) -> tuple[Cell, ...]:
    try:
        with tokenize.open(path) as file:
            return (Cell(path, file.read()),)
    except (OSError, SyntaxError):
        return ()


def _elsewhere(namespace: Mapping[str, Any], known: set[str]) -> Iterator[Cell]:
    """Yield the sources of live functions and classes that are in no known cell."""
    known = set(known)
    for value in list(namespace.values()):
        if not isinstance(value, (type, FunctionType)) or value.__module__ != namespace.get("__name__"):
            continue
        for code in code_of(value):
            if code.co_filename not in known:
                known.add(code.co_filename)
                if lines := linecache.getlines(code.co_filename):
                    yield Cell(code.co_filename, "".join(lines))


def _parsable(source: str) -> str | None:
    if _tree(source) is not None:
        return source
    blanked = "\n".join("" if line.lstrip()[:1] in ("%", "!", "?") else line for line in source.split("\n"))
    return blanked if _tree(blanked) is not None else None


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError):
        return None


def _future_flags(source: str) -> int:
    flags = 0
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(__future__, alias.name).compiler_flag
    return flags


def main_namespace() -> dict[str, Any]:
    return vars(sys.modules["__main__"])
