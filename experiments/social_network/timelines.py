"""Timelines in a store: for each user a list of entries, newest first, where an edit replaces the entry of its post."""

from __future__ import annotations

import threading

from records import Entry

from weaverlab import Antipode
from weaverlab.errors import NotFoundError

LENGTH = 20  # entries; who wants older ones would look elsewhere


class Timelines:
    """The timelines of one store. One object writes them all: reading and writing again is two steps."""

    def __init__(self, store: Antipode) -> None:
        self._store = store
        self._lock = threading.Lock()  # between reading a timeline and writing it

    def put(self, user: str, entry: Entry) -> None:
        """Show `entry` in the timeline of `user`: first, or where its post is already."""
        with self._lock:
            self._store.write("timelines", user, updated(self.read(user), entry))

    def read(self, user: str) -> list[Entry]:
        try:
            found: list[Entry] = self._store.read("timelines", user).value
        except NotFoundError:
            return []
        return found


def updated(entries: list[Entry], entry: Entry) -> list[Entry]:
    """Return the timeline with `entry` in it; a revision that is older than the one shown changes nothing."""
    shown = next((n for n, old in enumerate(entries) if old.post_id == entry.post_id), None)
    if shown is None:
        return [entry, *entries][:LENGTH]
    if entries[shown].revision >= entry.revision:
        return entries
    return [*entries[:shown], entry, *entries[shown + 1 :]]
