"""What weavelets say, under the cell that deployed them: prefixed, coloured, and never more than one can read.

`app.logs()` has what is left out here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from weaverlab.clock import Clock, SystemClock
from weaverlab.deployers import format_entry
from weaverlab.runtime.logs import LogEntry

LINES_PER_S_MAX = 50  # more than anybody reads, less than what makes a browser slow
ENTRY_CHARS_MAX = 4_000
PERIOD_S = 1.0


class CellLines:
    """Takes log entries from any thread and writes at most `LINES_PER_S_MAX` lines a second."""

    def __init__(self, write: Callable[[str], None], clock: Clock = SystemClock) -> None:
        self._write = write
        self._clock = clock
        self._lock = threading.Lock()  # guards the fields below, and keeps lines in order
        self._period_end_s = 0.0
        self._shown = 0
        self._left_out = 0

    def __call__(self, entry: LogEntry) -> None:
        text = _clipped(format_entry(entry, colours=True))
        with self._lock:
            if self._clock.now_s() >= self._period_end_s:
                self._begin_period()
            if self._shown < LINES_PER_S_MAX:
                self._shown += text.count("\n") + 1
                self._write(text + "\n")
                return
            self._left_out += 1
            if self._left_out == 1:
                timer = threading.Timer(self._period_end_s - self._clock.now_s(), self.tell)
                timer.daemon = True
                timer.start()

    def tell(self) -> None:
        """Say how many entries were left out, if any were."""
        with self._lock:
            self._tell()

    def _begin_period(self) -> None:
        self._tell()
        self._period_end_s = self._clock.now_s() + PERIOD_S
        self._shown = 0

    def _tell(self) -> None:
        if self._left_out:
            entries = "1 entry" if self._left_out == 1 else f"{self._left_out:,} entries"
            self._write(f"... {entries} left out here, too many for one second; app.logs() has the newest.\n")
            self._left_out = 0


def _clipped(text: str) -> str:
    if len(text) <= ENTRY_CHARS_MAX:
        return text
    return f"{text[:ENTRY_CHARS_MAX]}... {len(text) - ENTRY_CHARS_MAX:,} characters left out; app.logs() has them."
