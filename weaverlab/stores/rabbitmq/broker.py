"""One broker as one process sees it: the loop that serves its connections, all of them, and who we are there.

Not in here: publishing (`publisher`) and consuming (`subscription`), which both open their connections through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

from weaverlab.errors import CallLost, StoppedError, WeaverError
from weaverlab.stores.pool import Endpoint
from weaverlab.stores.rabbitmq.faults import reply, translated
from weaverlab.stores.rabbitmq.link import Link
from weaverlab.stores.rabbitmq.loop import Loop, stopped


class Broker:
    """The broker at `endpoint`, used by the store `store`; `remedy` says what to check when it lets nobody in."""

    def __init__(self, store: str, endpoint: Endpoint, remedy: str) -> None:
        self.store = store
        self._remedy = remedy
        self.endpoint = endpoint
        self.loop = Loop(f"weaverlab-rabbitmq-{store}")
        self._links: set[Link] = set()  # touched in the loop only, like the next one
        self._is_closing = False
        self._pid = os.getpid()

    async def open(self) -> Link:
        """Return a new connection, which ends with this broker at the latest.

        Raises:
            StoppedError: it is being closed. And what pika says.
        """
        if self._is_closing:
            raise stopped()
        link = await Link.open(self.endpoint)
        self._links.add(link)
        link.lost.add_done_callback(lambda _: self._links.discard(link))
        return link

    def close(self) -> None:
        """Say goodbye on every connection; who still waits for something is told that the stores are closed.

        In a forked child nothing: the connections, and the thread that serves them, are the parent's.
        """
        if self._pid != os.getpid():
            return
        with contextlib.suppress(StoppedError):
            self.loop.run(self._close_links())
        self.loop.close()

    def translated(self, error: BaseException) -> WeaverError:
        """Return our error for one of a connection or channel on which nothing is on its way."""
        return translated(error, self.store, self.endpoint, self._remedy)

    def lost(self, error: BaseException, what: str) -> CallLost:
        """Return our error for a connection or channel that ended after `what` had been sent."""
        _, text = reply(error)
        where = f"store {self.store!r}: the connection to RabbitMQ at {self.endpoint.address}"
        return CallLost(f"{where} ended before {what} was confirmed: {text}", maybe_executed=True)

    async def _close_links(self) -> None:
        self._is_closing = True
        await asyncio.gather(*(link.close() for link in self._links))
