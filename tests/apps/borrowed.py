"""A component that looks at what its process has from the fork server."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType

import numpy

from weaverlab import Component

DRAWN_AT_FIRST = float(numpy.random.random())  # when a weavelet imports this module


class Borrower(Component):
    def loaded_since_the_fork(self) -> list[str]:
        """Return the modules that the collector can see: what was there before the fork is out of its sight."""
        return [thing.__name__ for thing in gc.get_objects() if isinstance(thing, ModuleType)]

    def draw(self) -> float:
        return float(numpy.random.random())

    def first_draw(self) -> tuple[int, float]:
        return os.getpid(), DRAWN_AT_FIRST

    def collector(self) -> tuple[int, bool]:
        """Return how many objects are out of its sight, and whether it works."""
        return gc.get_freeze_count(), gc.isenabled()

    def arguments(self) -> list[str]:
        return sys.argv
