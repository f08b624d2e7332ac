"""WeaverLab: distributed applications as plain Python classes, with cross-service causal consistency.

What an application author types is here; to test an application see `weaverlab.testing`. Whatever would load
an event loop, dill or sockets is imported when it is first used, so `import weaverlab` is light.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaverlab import errors
from weaverlab.antipode import get_lineage, transfer
from weaverlab.component import (
    AutoMarshal,
    Component,
    Implements,
    Interface,
    Listener,
    Main,
    Ref,
    WithConfig,
    WithRouter,
    instance_of,
    not_retriable,
)
from weaverlab.config import secret
from weaverlab.runtime.context import current_metadata, metadata, remaining_s, request, timeout

if TYPE_CHECKING:
    from weaverlab.deployers import Deployment, deploy, run
    from weaverlab.notebook import current
    from weaverlab.runtime.branches import spawn
    from weaverlab.runtime.gathering import Executor, gather
    from weaverlab.stores import Antipode
    from weaverlab.web import HEALTHZ_URL, healthz_handler, instrument_handler

__all__ = [
    "HEALTHZ_URL",
    "Antipode",
    "AutoMarshal",
    "Component",
    "Deployment",
    "Executor",
    "Implements",
    "Interface",
    "Listener",
    "Main",
    "Ref",
    "WithConfig",
    "WithRouter",
    "current",
    "current_metadata",
    "deploy",
    "gather",
    "get_lineage",
    "healthz_handler",
    "instance_of",
    "instrument_handler",
    "metadata",
    "not_retriable",
    "remaining_s",
    "request",
    "run",
    "secret",
    "spawn",
    "timeout",
    "transfer",
]

_LAZY = {
    "HEALTHZ_URL": "weaverlab.web",
    "Antipode": "weaverlab.stores",
    "Deployment": "weaverlab.deployers",
    "Executor": "weaverlab.runtime.gathering",
    "current": "weaverlab.notebook",
    "deploy": "weaverlab.deployers",
    "gather": "weaverlab.runtime.gathering",
    "healthz_handler": "weaverlab.web",
    "instrument_handler": "weaverlab.web",
    "run": "weaverlab.deployers",
    "spawn": "weaverlab.runtime.branches",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        hint = f" It is in weaverlab.errors: from weaverlab.errors import {name}." if hasattr(errors, name) else ""
        raise AttributeError(f"module 'weaverlab' has no attribute {name!r}.{hint or errors.nearest(name, __all__)}")
    import importlib

    return getattr(importlib.import_module(_LAZY[name]), name)


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext weaverlab` calls."""
    from weaverlab import notebook

    notebook.load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """What `%unload_ext weaverlab` calls."""
    from weaverlab import notebook

    notebook.unload(shell)


def __dir__() -> list[str]:
    return __all__
