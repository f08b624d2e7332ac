"""Keeps the newest events of one replica, and knows on whose behalf they are recorded.

Recording happens only for traced requests (`weaverlab.request()`); for all others it costs one look at a
context variable. The ring is bounded: old events are dropped, never the process's memory.
"""

from __future__ import annotations

import itertools
from collections import deque

from weaverlab.history import Event

EVENTS_MAX = 20_000  # about 6 MB; a lineage view needs a few dozen per request


class Recorder:
    """A bounded ring of events; appending is atomic under the interpreter lock, so it needs no lock of its own."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._spans = itertools.count(1)

    def record(self, event: Event) -> None:
        self._events.append(event)

    def new_span(self, component: str, replica: str) -> str:
        """Return a name for one call, which no other call of this replica has."""
        return f"{component}@{replica}#{next(self._spans)}"

    def events(self) -> tuple[Event, ...]:
        """Return what is kept, oldest first."""
        return tuple(self._events)
