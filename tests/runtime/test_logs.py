"""The logger of a component."""

from __future__ import annotations

import threading

from weaverlab.runtime.logs import LogEntry, component_logger


def test_a_method_that_was_cancelled_while_it_logged_does_not_silence_the_others() -> None:
    """It may keep the lock that `logging` gives to each handler, if it is cancelled when it has just taken it."""
    entries: list[LogEntry] = []
    logger = component_logger(entries.append, "Shop", "Shop/0", "eu")
    lock = logger.handlers[0].lock
    assert lock is not None

    with lock:
        other = threading.Thread(target=logger.info, args=("sold %s", "tea"))
        other.start()
        other.join(5)

    assert [entry["message"] for entry in entries] == ["sold tea"]
