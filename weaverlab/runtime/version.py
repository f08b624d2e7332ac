"""The version of this package, as deployer, weavelet and command line compare it."""

from __future__ import annotations

WEAVERLAB_VERSION = "0.1.0"
