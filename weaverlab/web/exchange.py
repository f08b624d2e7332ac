"""One HTTP request and its reply, while they are counted. Not in here: how WSGI or ASGI tell about them."""

from __future__ import annotations

from contextlib import AbstractContextManager

from weaverlab.antipode.context import request as untraced_request
from weaverlab.clock import Clock
from weaverlab.observe.web_metrics import HttpStats
from weaverlab.runtime.context import request as traced_request

STATUS_LINE_BYTES = len("HTTP/1.1 200")
FAILED = 500  # what a server answers for an application that raises
ERRORS = range(400, 600)


class Exchange:
    """Counts in `stats`: the request at once, the reply when it has ended.

    `root` makes it the root of a request in WeaverLab's sense: its lineage begins empty, and if it `is_traced` its
    calls are recorded.
    """

    def __init__(self, stats: HttpStats, is_traced: bool, clock: Clock) -> None:
        self.root: AbstractContextManager[object] = traced_request() if is_traced else untraced_request()
        self._stats = stats
        self._clock = clock
        self._started_s = clock.now_s()
        self._code = 0
        self._bytes_received: int | None = None  # nobody has told
        self._bytes_returned = 0
        stats.requests += 1

    def received(self, count: int) -> None:
        """Note a piece of the request."""
        self._bytes_received = (self._bytes_received or 0) + count

    def replying(self, code: int, header_bytes: int) -> None:
        """Note the head of the reply."""
        self._code = code
        self._bytes_returned += STATUS_LINE_BYTES + header_bytes

    def returned(self, count: int) -> None:
        """Note a piece of the reply's body."""
        self._bytes_returned += count

    def failed(self) -> None:
        """Note that the application raised, whatever it had replied before."""
        self._code = FAILED

    def ended(self) -> None:
        """Count the reply. To be called once."""
        self._stats.latency_micros.add((self._clock.now_s() - self._started_s) * 1e6)
        self._stats.bytes_returned.add(self._bytes_returned)
        if self._bytes_received is not None:
            self._stats.bytes_received.add(self._bytes_received)
        if self._code in ERRORS:
            self._stats.errors[self._code] += 1
