"""Where what weavelets say goes: kept for `app.logs()`, and shown line by line through a `Show` function.

A deployment in a terminal shows on standard error; the notebook shows under the cell that deployed. Nothing is
lost while it is shown too fast: the newest `KEPT_MAX` lines stay in memory, and are numbered, so that whoever reads
on from another process knows what it has seen.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from weaverlab.runtime.logs import LogEntry

Show: TypeAlias = Callable[[LogEntry], None]
KEPT_MAX = 10_000
PAGE_MAX = 500  # at 64 KiB for the longest message, a page stays well below the largest frame

_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_LEVEL_COLOURS = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}


@dataclass(frozen=True)
class LogPage:
    """Some log entries in order. Give `next` as `after` to get those that follow; `is_last`: none will."""

    entries: tuple[LogEntry, ...]
    next: int
    is_last: bool


class Output:
    """Collects log entries and printed lines of all weavelets of one deployment."""

    def __init__(self, show: Show | None = None) -> None:
        self._given = show
        self._show = show or _make_show()
        self._changed = threading.Condition()  # guards the three below
        self._kept: deque[LogEntry] = deque(maxlen=KEPT_MAX)
        self._count = 0  # of all entries there ever were
        self._has_ended = False

    def show_anew(self) -> None:
        """Show what comes from now on where a new deployment would show it: in a notebook, under the cell that runs."""
        self._show = self._given or _make_show()

    def log(self, entry: LogEntry) -> None:
        """Take in one log entry of a component."""
        with self._changed:
            self._kept.append(entry)
            self._count += 1
            self._changed.notify_all()
        try:
            self._show(entry)
        except Exception:  # a closed terminal, or a fault in a `show` of the user's own; weavelets know of neither
            self._show = _nowhere
            logging.getLogger("weaverlab").exception("cannot show what weavelets say; app.logs() has it")

    def printed(self, wall_s: float, replica: str, line: str) -> None:
        """Take in one line that a weavelet wrote to its standard output or standard error."""
        component = replica.partition("/")[0]
        self.log({"wall_s": wall_s, "level": "PRINT", "component": component, "replica": replica, "message": line})

    def entries(self) -> tuple[LogEntry, ...]:
        """Return what is kept, oldest first."""
        with self._changed:
            return tuple(self._kept)

    def page(self, after: int, wait_s: float) -> LogPage:
        """Return entries from number `after` on, at most a page; wait for the first one up to `wait_s` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._count > after or self._has_ended, wait_s)
            gone = self._count - len(self._kept)
            start = min(max(after, gone), self._count)
            entries = tuple(islice(self._kept, start - gone, start - gone + PAGE_MAX))
            following = start + len(entries)
            return LogPage(entries, following, self._has_ended and following == self._count)

    def end(self) -> None:
        """Tell whoever waits for more that there will be none."""
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


def format_entry(entry: LogEntry, colours: bool) -> str:
    """Return one entry as text: time, level, who, message; every line of the message has the prefix."""
    moment = time.strftime("%H:%M:%S", time.localtime(float(entry["wall_s"])))
    millis = int(float(entry["wall_s"]) * 1000) % 1000
    level, replica, component = str(entry["level"]), str(entry["replica"]), str(entry["component"])
    who = replica if replica.startswith(f"{component}/") else f"{component}@{replica}"
    mark = "|" if level == "PRINT" else level[0]
    prefix = f"{moment}.{millis:03d} {mark} {who}"
    if colours:
        code = _LEVEL_COLOURS.get(level, _COLOURS[sum(component.encode()) % len(_COLOURS)])
        prefix = f"\x1b[{code}m{prefix}\x1b[0m"
    return "\n".join(f"{prefix}  {line}" for line in str(entry["message"]).splitlines() or [""])


def show_on_stderr(entry: LogEntry) -> None:
    """Show an entry on standard error, coloured on a terminal."""
    print(format_entry(entry, colours=sys.stderr.isatty()), file=sys.stderr, flush=True)


def _nowhere(entry: LogEntry) -> None:
    pass


def _terminal() -> Show:
    return show_on_stderr


_make_show = _terminal  # where deployments show what is said, unless they were told otherwise


def show_by_default(make_show: Callable[[], Show] | None) -> None:
    """From now on, what a deployment says goes to `make_show()`, called when it is deployed; None: standard error."""
    global _make_show
    _make_show = make_show or _terminal
