"""One supervised place for a weavelet: the process that fills it now, and what is known about it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections import deque
from dataclasses import replace
from typing import Literal

from weaverlab.deployers.engine import WeaveletProcess
from weaverlab.runtime.placement import Placement
from weaverlab.types import ReplicaInfo

READ_BYTES = 65_536
LAST_LINES = 20  # of a process's output, shown when it dies
PRINTED_LINE_BYTES_MAX = 65_536  # a longer line is cut into several, so output without line ends cannot fill memory
EVENT_LINE_BYTES_MAX = 1 << 30  # an exception of main may hold an array; a part of an event would be worth nothing


class Lines:
    """Cuts what arrives on a pipe into lines of at most about `line_bytes_max`."""

    def __init__(self, line_bytes_max: int) -> None:
        self._line_bytes_max = line_bytes_max
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, without their line ends; no data means the end has come."""
        self._rest += data
        if data and b"\n" not in data and len(self._rest) <= self._line_bytes_max:
            return []
        *lines, self._rest = self._rest.split(b"\n")
        if self._rest and (not data or len(self._rest) > self._line_bytes_max):
            lines.append(self._rest)
            self._rest = bytearray()
        return [bytes(line) for line in lines]


class Replica:
    """Mutable; only the supervisor's thread changes it, under the supervisor's lock."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self.state: Literal["starting", "ready", "dead", "stopped"] = "dead"
        self.process: WeaveletProcess | None = None
        self.pid = 0
        self.restarts = 0
        self.failures_in_a_row = 0
        self.ready_at_s = 0.0
        self.restart_at_s: float | None = None
        self.listeners: dict[str, str] = {}
        self.failure = ""
        self.unsent = memoryview(b"")  # of its bootstrap
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.event_lines = Lines(EVENT_LINE_BYTES_MAX)
        self.output_lines = Lines(PRINTED_LINE_BYTES_MAX)

    @property
    def id(self) -> str:
        return self.placement.replica

    def began(self, process: WeaveletProcess) -> None:
        """Take in a new process, which is not ready yet."""
        self.process, self.pid, self.state = process, process.pid, "starting"
        self.restart_at_s, self.failure = None, ""
        self.last_lines.clear()
        self.event_lines, self.output_lines = Lines(EVENT_LINE_BYTES_MAX), Lines(PRINTED_LINE_BYTES_MAX)

    def keep_addresses(self) -> None:
        """Let the next process listen where the last one did, so that its clients find it again."""
        self.placement = replace(self.placement, listeners={**self.placement.listeners, **self.listeners})

    def remove_socket(self) -> None:
        """Remove the socket file that a killed process left behind."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.placement.address.removeprefix("unix:"))

    def info(self) -> ReplicaInfo:
        healthy = self.state == "ready"
        return ReplicaInfo(self.id, self.placement.hosted, self.pid, self.placement.address, healthy, self.restarts)


def death(code: int | None) -> str:
    """Return in words how a process ended, by its exit code: minus the number of the signal that killed it."""
    if code is None:
        return "is lost: it does not even end when it is killed"
    if code >= 0:
        return f"exited with code {code}"
    named = -code in signal.Signals._value2member_map_  # those between SIGRTMIN and SIGRTMAX have no name
    return f"was killed by {signal.Signals(-code).name if named else f'signal {-code}'}"
