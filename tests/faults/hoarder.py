"""A component that takes every descriptor of its process, and gives them back when it is asked to."""

from __future__ import annotations

import contextlib
import os
import time

from tests.transport.starving import starved
from weaverlab import Component


class Hoarder(Component):
    def init(self) -> None:
        self._hoard = contextlib.ExitStack()

    def shutdown(self) -> None:
        self.release()

    def hoard(self) -> None:
        self._hoard.enter_context(starved())

    def release(self) -> None:
        self._hoard.close()

    def pid(self) -> int:
        return os.getpid()

    async def pid_async(self) -> int:
        return os.getpid()

    def cpu_s(self) -> float:
        """Return how much processor time this process has used."""
        return time.process_time()
