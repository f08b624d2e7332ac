"""Says on standard error how far a sweep has come: a line for each run, and on a terminal what it is doing now."""

from __future__ import annotations

import sys
from typing import Any

from weaverlab.clock import SystemClock
from weaverlab.experiment.design import Run


class Progress:
    """Shows the runs of one sweep, one after the other, and about how long the rest will take."""

    def __init__(self, planned: int) -> None:
        self._planned = planned
        self._started_s = SystemClock.now_s()
        self._ended = 0
        self._title = ""
        self._width = 0  # of the line that is to be overwritten

    def begin(self, run: Run[Any]) -> None:
        """Say that `run` begins."""
        self._title = f"{self._ended + 1}/{self._planned} {run}"
        self.tell("")

    def tell(self, what: str) -> None:
        """Say what the run is doing now, such as "63 of 80"; on a terminal only."""
        if sys.stderr.isatty():
            self._show(f"{self._title}{': ' if what else ''}{what}", end="")

    def end(self, what: str) -> None:
        """Say what came of the run."""
        self._ended += 1
        self._show(f"{self._title}: {what}{self._left()}", end="\n")

    def _left(self) -> str:
        left = self._planned - self._ended
        if not left:
            return ""
        return f" (about {(SystemClock.now_s() - self._started_s) / self._ended * left:.0f} s left)"

    def _show(self, line: str, end: str) -> None:
        start = "\r" if self._width else ""
        print(f"{start}{line.ljust(self._width)}", end=end, file=sys.stderr, flush=True)
        self._width = 0 if end else len(line)
