"""What a run of an experiment shows of its deployment's log."""

from __future__ import annotations

import sys
from typing import Any

from weaverlab.deployers import format_entry

WARNINGS_MAX = 30  # lines


class Warnings:
    """Shows the first warnings of a run on standard error: a server that is down makes thousands."""

    def __init__(self) -> None:
        self._lines = 0

    def show(self, entry: dict[str, Any]) -> None:
        """Take one log entry, from any thread; for `weaverlab.deploy(show=...)`."""
        if entry["level"] == "INFO":
            return
        self._lines += 1
        if self._lines <= WARNINGS_MAX:
            print(format_entry(entry, colours=False), file=sys.stderr)
        elif self._lines == WARNINGS_MAX + 1:
            print("(further warnings of this run are not shown)", file=sys.stderr)
