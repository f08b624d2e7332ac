"""What the sweeps deploy where the memory of a process, or its start, counts: so nothing large is imported here."""

from __future__ import annotations

import asyncio
import threading
import time

from weaverlab import Component

SLEEP_S = 0.001
STUCK_S = 60.0


class Worker(Component):
    async def init(self) -> None:
        self._turn = threading.Lock()
        self._turn_async = asyncio.Lock()

    def nothing(self, value: object) -> None: ...

    async def nothing_async(self, value: object) -> None: ...

    def sleep(self, value: object) -> None:
        with self._turn:
            time.sleep(SLEEP_S)

    async def sleep_async(self, value: object) -> None:
        async with self._turn_async:
            await asyncio.sleep(SLEEP_S)


class Called(Component):
    def echo(self, value: str) -> str:
        return value


class Others(Component):
    def answer(self) -> None: ...


class Stuck(Component):
    """Takes calls and does not answer them, and can be asked whether it is well."""

    async def take(self, value: bytes) -> None:
        await asyncio.sleep(STUCK_S)

    async def answer(self) -> None: ...
