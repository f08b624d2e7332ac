"""A component that takes as long as it is told to."""

from __future__ import annotations

import asyncio
import os
import time

from weaverlab import Component


class Sleeper(Component):
    def sleep(self, duration_s: float) -> int:
        """In short sleeps, between which it can be cancelled."""
        ends_s = time.monotonic() + duration_s
        while time.monotonic() < ends_s:
            time.sleep(0.01)
        return os.getpid()

    async def sleep_async(self, duration_s: float) -> int:
        await asyncio.sleep(duration_s)
        return os.getpid()
