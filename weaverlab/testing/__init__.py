"""For people who test their own applications, or write a deployer of their own. Only in here is pytest needed.

Everything is imported when it is first used: a weavelet that runs the sample application needs no pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from weaverlab.errors import nearest

if TYPE_CHECKING:
    from weaverlab.testing.every import Deploy, every_deployer
    from weaverlab.testing.leftovers import nothing_left
    from weaverlab.testing.suite import DeployerSuite, EngineSuite

__all__ = ["Deploy", "DeployerSuite", "EngineSuite", "every_deployer", "nothing_left"]

_LAZY = {
    "Deploy": "weaverlab.testing.every",
    "DeployerSuite": "weaverlab.testing.suite",
    "EngineSuite": "weaverlab.testing.suite",
    "every_deployer": "weaverlab.testing.every",
    "nothing_left": "weaverlab.testing.leftovers",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'weaverlab.testing' has no attribute {name!r}.{nearest(name, __all__)}")
    try:
        import pytest
    except ModuleNotFoundError as error:
        if error.name != "pytest":
            raise
        raise ImportError("weaverlab.testing needs pytest. Install it: pip install 'weaverlab[testing]'") from None
    pytest.register_assert_rewrite("weaverlab.testing.suite")  # so that its assertions explain themselves
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return __all__
