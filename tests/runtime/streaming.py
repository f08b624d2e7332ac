"""What tests of streams wait for, and how they read."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

SOON_S = 10.0


def soon(holds: Callable[[], bool]) -> bool:
    """Return whether `holds` becomes true; nobody tells us when a generator elsewhere is closed."""
    ends_s = time.monotonic() + SOON_S
    while not holds() and time.monotonic() < ends_s:
        time.sleep(0.01)
    return holds()


def settled(count: Callable[[], int]) -> int:
    """Return `count()` when it no longer grows."""
    last, now = -1, count()
    while last != now:
        time.sleep(0.1)
        last, now = now, count()
    return now


async def collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]
