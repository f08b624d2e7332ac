"""What a weavelet tells its deployer, one JSON object a line, and how a deployer reads it.

    {"event": "ready", "pid": 71, "listeners": {"web": "127.0.0.1:8080"}}
    {"event": "failed", "traceback": "..."}
    {"event": "log", "wall_s": ..., "level": "INFO", "component": ..., "message": ...}
    {"event": "main_done"}
    {"event": "main_exited", "code": what main() passed to sys.exit}
    {"event": "main_failed", "error": base64 of a packed exception (see `failures.py`)}

A pipe and not a call, so that the last words of a dying process still arrive.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from typing import Any

from weaverlab.runtime.logs import LogEntry


class EventPipe:
    """Writes events to a file descriptor; whole lines, from any thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()  # guards the order of bytes on _fd

    def ready(self, pid: int, listeners: dict[str, str]) -> None:
        self._write({"event": "ready", "pid": pid, "listeners": listeners})

    def failed(self, traceback: str) -> None:
        self._write({"event": "failed", "traceback": traceback})

    def main_done(self) -> None:
        self._write({"event": "main_done"})

    def main_exited(self, code: str | int | None) -> None:
        self._write({"event": "main_exited", "code": code})

    def main_failed(self, pickled: bytes) -> None:
        self._write({"event": "main_failed", "error": base64.b64encode(pickled).decode()})

    def log(self, entry: LogEntry) -> None:
        self._write({"event": "log", **entry})

    def _write(self, event: dict[str, Any]) -> None:
        line = json.dumps(event).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self._fd, line) :]


def parse_event(line: bytes) -> dict[str, Any] | None:
    """Return the event on `line`, or None when it is no event (a library wrote to standard output itself)."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
