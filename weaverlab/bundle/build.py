"""Make a bundle of what some classes of `__main__` need. Nothing of the notebook is run.

The steps: read the cells (`cells`), find the statements behind each name (`statements`), collect what is needed
(`closure`, by the rule in `rules`), put it in order (`order`). Sending and installing it is not in here.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weaverlab.bundle.cells import Cell, cells_of, main_namespace, prepared
from weaverlab.bundle.closure import Closure, Unit
from weaverlab.bundle.model import Bundle, Restore, Run
from weaverlab.bundle.order import ordered
from weaverlab.bundle.statements import History
from weaverlab.errors import BundleError

_WEAVERLAB = __name__.partition(".")[0]


def build(
    roots: Sequence[type],
    namespace: dict[str, Any] | None = None,
    cells: Sequence[Cell] | None = None,
) -> Bundle:
    """Return the definitions that `roots` need in another process: almost nothing when they can be imported.

    Args:
        roots: the classes of an application; those that live in `__main__` are shipped with all they need.
        namespace: the globals to ship from; by default those of `__main__`.
        cells: what was run there, in order; by default what IPython's history or the script's file says.

    Raises:
        BundleError: for everything that cannot be shipped, each with its cell, the path that leads there from a
            root, and the remedy.
    """
    namespace = main_namespace() if namespace is None else namespace
    own = [root for root in roots if root.__module__ == namespace.get("__name__", "__main__")]
    path = tuple(os.path.abspath(entry) for entry in sys.path)
    if not own:
        return Bundle(version=_hash([], roots), names=(), path=path)
    found = cells_of(namespace) if cells is None else prepared(cells)
    closure = Closure(namespace, History(found, namespace))
    faults = [fault for root in own if (fault := _ask_for(closure, root))]
    closure.search()
    units = [unit for unit in ordered(closure) if unit.names or unit.snapshot]
    if faults or closure.faults:
        raise BundleError([*faults, *closure.faults.values()])
    return Bundle(
        version=_hash(units, roots),
        names=tuple(sorted(set().union(*(unit.names for unit in units)))),
        path=path,
        module={key: namespace[key] for key in ("__file__", "__package__") if isinstance(namespace.get(key), str)},
        **_steps(units, found),
    )


def is_stale(bundle: Bundle, roots: Sequence[type], namespace: dict[str, Any] | None = None) -> bool:
    """Tell whether the code of `roots` is another now than in `bundle`, for example after a cell was run again."""
    try:
        return build(roots, namespace).version != bundle.version
    except BundleError:
        return True


def _ask_for(closure: Closure, root: type) -> str | None:
    name = root.__qualname__
    is_local = "<locals>" in name  # made by a function, and then perhaps bound to a global: `Post = make_post()`
    names = [
        name for name, value in closure.namespace.items() if value is root and (is_local or name == root.__qualname__)
    ]
    if names:
        closure.need(names[0])
        return None
    if is_local:
        return f"{name} is defined inside a function, so no other process can find it. Define it in a cell."
    return f"{name} is not what the notebook calls {name} now, as its cell was run again. Use the new class."


def _steps(units: Sequence[Unit], cells: Sequence[Cell]) -> dict[str, Any]:
    """Return the steps, and the cells they refer to."""
    kept: dict[int, int] = {}
    steps: list[Run | Restore] = []
    for unit in units:
        statement = unit.statement
        if statement is not None:
            kept.setdefault(statement.cell_index, len(kept))
        if unit.snapshot is not None:
            steps.append(Restore(unit.snapshot.names, unit.snapshot.data))
        elif statement is not None:
            steps.append(Run(kept[statement.cell_index], statement.index))
    return {"steps": tuple(steps), "cells": tuple(cells[index] for index in kept)}


def _hash(units: Sequence[Unit], roots: Sequence[type]) -> str:
    """Hash what the statements say, not where they stand; for a value it is the statement that made it.

    Roots that are imported count with the files that define them, which is what other processes will import.
    """
    parts = sorted(
        " ".join(sorted(unit.names)) + (": " + ast.dump(unit.statement.node) if unit.statement else "")
        for unit in units
    )
    digest = hashlib.sha256("\n".join(parts).encode())
    for module in sorted({root.__module__ for root in roots}):
        if module.partition(".")[0] not in ("__main__", _WEAVERLAB):  # which has a version of its own
            digest.update(_source_of(module))
    return digest.hexdigest()[:16]


def _source_of(module: str) -> bytes:
    try:
        return Path(inspect.getsourcefile(sys.modules[module]) or "").read_bytes()
    except (KeyError, OSError, TypeError):
        return b""  # made by hand, or from a zip archive
