"""A component that keeps its callers waiting, in several ways."""

from __future__ import annotations

import asyncio
import time

from weaverlab import Component


class Slow(Component):
    async def hold(self, data: str) -> int:
        await asyncio.sleep(60)
        return len(data)

    async def block_loop(self, duration_s: float) -> None:
        time.sleep(duration_s)  # the mistake that is tested

    async def answer(self) -> int:
        return 42
