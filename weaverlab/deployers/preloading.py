"""Which modules the fork server imports for an application: those of Python that its own modules use, and numpy.

Imported before the fork, they cost 8 weavelets nothing; imported after it, each pays, and keeps its own copy: for
numpy 0.1 s and 25 MB. The application's own modules are imported in every weavelet, as they may have been edited. So is
everything that others have made: to import it may draw random numbers, note the process id, start a thread or connect
somewhere, all of which is wrong to share. Of numpy we know what it does (see `runtime.forkserver`).

Found by what the global names of modules stand for; nothing is read or imported here.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from types import BuiltinFunctionType, FunctionType, ModuleType

from weaverlab.component import Application
from weaverlab.deployers.interpreter import PACKAGES

EVENT_LOOP = "uvloop"  # for async methods, where it is installed
# Of others', these may be imported before a fork, as we know what they do. The second comes late, as numpy says itself.
OTHERS = ("numpy", "numpy.random")
_WEAVERLAB = __name__.partition(".")[0]


def preloadable(app: Application, names: Iterable[str]) -> dict[str, str | None]:
    """Return the modules that may be imported once for all weavelets of `app`, each with the file of its package.

    `names` are the global names of `__main__` that are shipped.
    """
    main = vars(sys.modules["__main__"])
    roots = (spec.implementation for spec in app.components.values())
    to_look_at: list[object] = [*(main[name] for name in names if name in main), *roots]
    seen: set[str] = set()
    found: dict[str, str | None] = {}
    if any(method.is_async for spec in app.components.values() for method in spec.methods):
        found[EVENT_LOOP] = _origin(EVENT_LOOP)
    while to_look_at:
        name = _module_of(to_look_at.pop())
        module = sys.modules.get(name)
        if module is None or name in seen:
            continue
        seen.add(name)
        package = name.partition(".")[0]
        if package in sys.stdlib_module_names:
            found[name] = _origin(package)
        elif package in OTHERS:
            found |= {other: _origin(package) for other in OTHERS if other in sys.modules}
        elif _is_own(module):
            to_look_at += vars(module).values()
    return found


def _module_of(value: object) -> str:
    """Return the name of the module that `value` is, or comes from; of other values than these we ask nothing."""
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, type | FunctionType | BuiltinFunctionType):
        return str(value.__module__)
    return ""


def _is_own(module: ModuleType) -> bool:
    """Return whether a module belongs to the application: it is neither `__main__`, nor ours, nor installed."""
    file = getattr(module, "__file__", None)
    package = module.__name__.partition(".")[0]
    return isinstance(file, str) and package not in ("__main__", _WEAVERLAB) and not file.startswith(PACKAGES)


def _origin(package: str) -> str | None:
    spec = importlib.util.find_spec(package)
    return None if spec is None else spec.origin
