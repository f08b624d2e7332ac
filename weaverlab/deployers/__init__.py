"""Where components run: in this process, or in processes of this machine that are watched and restarted.

What is here is imported when it is first used, so that `deploy` can begin to start the fork server before the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weaverlab.deployers.appfile import load_main
    from weaverlab.deployers.attached import Attached, attach
    from weaverlab.deployers.configfile import load_config
    from weaverlab.deployers.deployment import Deployment
    from weaverlab.deployers.launch import deploy, run, run_by, stop_all
    from weaverlab.deployers.output import Show, format_entry, show_by_default

__all__ = [
    "Attached",
    "Deployment",
    "Show",
    "attach",
    "deploy",
    "format_entry",
    "load_config",
    "load_main",
    "run",
    "run_by",
    "show_by_default",
    "stop_all",
]

_LAZY = {
    "appfile": ("load_main",),
    "attached": ("Attached", "attach"),
    "configfile": ("load_config",),
    "deployment": ("Deployment",),
    "launch": ("deploy", "run", "run_by", "stop_all"),
    "output": ("Show", "format_entry", "show_by_default"),
}


def __getattr__(name: str) -> Any:
    import importlib

    for module, names in _LAZY.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
