"""The rule: does a global travel as source, to be run again, or as the value it has now?

1. `def`, `class` and `import` statements travel as source. So do assignments that make a definition: a class
   (`Point = namedtuple(...)`), a lambda, a typing object (`T = TypeVar("T")`), a cache around a function.
2. Every other global travels as the value it has now. Nothing that loads, trains, counts or deploys runs twice.
3. A value that cannot be pickled travels as source if its statement *only builds an object*: it calls nothing
   but built-in types and what comes from the modules in `_BUILDERS` (`VAR = ContextVar("v")`). So a table that is
   filled with connections as they are opened (`OPEN = {}`) is empty in a new process, as it was in this one.
   A class or function changed after its definition takes along what statements of cells assign to its attributes
   or register with it, but not what calls did to it (`Registry.items.append(x)`): its body starts anew.
4. Anything else is a fault; a lock that is held, an open file or a generator always is.

Not in here: how values are pickled (`values`), what else they need (`closure`).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from typing import Any

from weaverlab.bundle.values import pickles_by_name

# Calling something from these makes an object and does nothing else.
_BUILDERS = {
    *("abc", "collections", "contextvars", "_contextvars", "dataclasses", "enum", "functools", "itertools", "msgspec"),
    *("operator", "_operator", "re", "string", "struct", "_struct", "types", "typing", "typing_extensions"),
    *("weakref", "_weakref"),
}


def makes_a_definition(expression: ast.expr | None, value: object, module: str) -> bool:
    """Rule 1, for an assignment with this right-hand side and this result."""
    if isinstance(value, type):
        return value.__module__ == module
    return isinstance(expression, ast.Lambda) or pickles_by_name(value)


def only_builds(expression: ast.expr | None, namespace: Mapping[str, Any], own_classes: bool = False) -> bool:
    """Rule 3: tell whether evaluating `expression` again has no effect but its result.

    own_classes: also trust the classes of the notebook, whose constructors may do anything.
    """
    if expression is None:
        return False
    for part in ast.walk(expression):
        if isinstance(part, (ast.Await, ast.Yield, ast.YieldFrom, ast.GeneratorExp)):
            return False
        if isinstance(part, ast.Call) and not isinstance(part.func, ast.Call):  # the inner call is judged by itself
            callee = _resolve(part.func, namespace)
            is_own = own_classes and isinstance(callee, type) and callee.__module__ == namespace.get("__name__")
            if not (_is_builder(callee) or is_own):
                return False
    return True


def is_dotted_name(expression: ast.expr) -> bool:
    while isinstance(expression, ast.Attribute):
        expression = expression.value
    return isinstance(expression, ast.Name)


def _is_builder(callee: object) -> bool:
    module = getattr(callee, "__module__", None) or ""
    return module.partition(".")[0] in _BUILDERS or (isinstance(callee, type) and module == "builtins")


def _resolve(expression: ast.expr, namespace: Mapping[str, Any]) -> object:
    """Return the live object behind `a.b.c`, or None for what has no such name."""
    if isinstance(expression, ast.Name):
        return namespace.get(expression.id, getattr(builtins, expression.id, None))
    if isinstance(expression, ast.Attribute):
        return getattr(_resolve(expression.value, namespace), expression.attr, None)
    if isinstance(expression, ast.Subscript):  # deque[int](), Pair[str](...)
        return _resolve(expression.value, namespace)
    return None
