"""Tasks that wait until there is room for them, first come, first served. Not in here: what there is room for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict


class WaitingLine:
    """The tasks of one loop that wait. Whoever has waited looks again whether there is room: another may have come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.waiters: OrderedDict[asyncio.Future[None], None] = OrderedDict()

    async def wait(self, timeout_s: float | None = None) -> None:
        """Wait at the end of the line until let in, or until `timeout_s` has passed. Who is cancelled leaves no gap."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self.waiters[waiter] = None
        try:
            await asyncio.wait((waiter,), timeout=timeout_s)
        except asyncio.CancelledError:
            if waiter.done():
                self.let_in(1)  # in our place
            raise
        finally:
            self.waiters.pop(waiter, None)

    def let_in(self, count: int) -> None:
        """Wake the first `count` that wait."""
        for _ in range(min(count, len(self.waiters))):
            self.waiters.popitem(last=False)[0].set_result(None)
