"""The receiving end: put the definitions of a bundle into the `__main__` of this process.

Not in here: any decision. The steps are carried out as they stand, and what they raise is raised, with the
lines of the notebook's cell in the traceback.
"""

from __future__ import annotations

import ast
import sys
from typing import Any

from weaverlab.bundle.cells import main_namespace, remember
from weaverlab.bundle.model import Bundle, Restore
from weaverlab.bundle.statements import statements_in
from weaverlab.bundle.values import restore


def install(bundle: Bundle) -> None:
    """Define in `__main__` what the bundle holds; afterwards plain pickle finds notebook classes by name.

    Raises:
        Exception: whatever a definition raises as it is run again, for example a failing import.
    """
    sys.path[:] = [*bundle.path, *(entry for entry in sys.path if entry not in bundle.path)]
    namespace = main_namespace()
    namespace.update(bundle.module)
    for cell in bundle.cells:
        remember(cell)
    statements = [list(statements_in(cell.source)) for cell in bundle.cells]
    for step in bundle.steps:
        if isinstance(step, Restore):
            for name, value in restore(step.data, namespace).items():
                _bind(namespace, name, value)
            continue
        cell = bundle.cells[step.cell]
        # Compiled from the tree of the whole cell, so every line number is the cell's own.
        module = ast.Module([statements[step.cell][step.statement]], [])
        exec(compile(module, cell.filename, "exec", cell.flags, dont_inherit=True), namespace)


def _bind(namespace: dict[str, Any], name: str, value: object) -> None:
    first, *attributes = name.split(".")
    if not attributes:
        namespace[first] = value
        return
    target = namespace[first]
    for attribute in attributes[:-1]:
        target = getattr(target, attribute)
    setattr(target, attributes[-1], value)
