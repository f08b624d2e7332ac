"""One supervised place for a weavelet: the process that fills it now, and what is known about it."""

from __future__ import annotations

import contextlib
import os
from collections import deque

from weaverlab.deployers import deaths
from weaverlab.deployers.engine import WeaveletProcess
from weaverlab.deployers.health import HUNG_TICKS
from weaverlab.routing import Member
from weaverlab.runtime.placement import Placement
from weaverlab.types import ReplicaInfo, ReplicaState

READ_BYTES = 65_536
LAST_LINES = 40  # that a process printed or logged, shown when it dies
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
    """Mutable; whoever changes it holds the lock of `Replicas`."""

    def __init__(self, placement: Placement, is_member: bool) -> None:
        self.placement = placement
        self.is_member = is_member  # calls are routed to it; one that is to be so when it is ready is not yet
        self.is_leaving = False  # when it ends, it is not started again
        self.process: WeaveletProcess | None = None
        self.pid = 0
        self.is_ready = False
        self.is_paused = False
        self.silent_ticks = 0  # since it was started, or has last answered
        self.load = 0
        self.restarts = 0
        self.failures_in_a_row = 0
        self.ready_at_s = 0.0
        self.restart_at_s: float | None = None
        self.listeners: dict[str, str] = {}
        self.killed_because = ""
        self.last_death = ""
        self.traceback = ""
        self.unsent = memoryview(b"")  # of its bootstrap
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.event_lines = Lines(EVENT_LINE_BYTES_MAX)
        self.output_lines = Lines(PRINTED_LINE_BYTES_MAX)

    @property
    def id(self) -> str:
        return self.placement.replica

    @property
    def state(self) -> ReplicaState:
        if self.process is None:
            return "stopped" if self.is_leaving else "dead"
        if self.is_leaving:
            return "stopping"
        if self.is_paused:
            return "paused"
        if not self.is_ready:
            return "starting"
        return "unresponsive" if self.is_hung else "ready"

    @property
    def is_hung(self) -> bool:
        """Whether it should answer, and has not for some time."""
        return self.is_ready and self.silent_ticks >= HUNG_TICKS

    @property
    def is_healthy(self) -> bool:
        """Whether calls should go there. Those to one that starts for the first time wait for it, so they may."""
        return self.state == "ready" or (self.state == "starting" and not self.restarts)

    def began(self, process: WeaveletProcess) -> None:
        """Take in a new process, which is not ready yet."""
        self.process, self.pid = process, process.pid
        self.restart_at_s, self.silent_ticks = None, 0
        self.killed_because = self.traceback = ""
        self.last_lines.clear()
        self.event_lines, self.output_lines = Lines(EVENT_LINE_BYTES_MAX), Lines(PRINTED_LINE_BYTES_MAX)

    def ended(self, how: str) -> None:
        """Take in the end of its process, and how that came."""
        self.process = None
        self.is_ready = self.is_paused = False
        self.load = self.silent_ticks = 0
        self.unsent = memoryview(b"")
        self.last_death = f"{how}\n{deaths.details(self.traceback, self.last_lines)}"

    def obituary(self, more: str) -> str:
        """Return who ended, how, what there is `more` to say of it, and below that what is known beside it."""
        first, _, rest = self.last_death.partition("\n")
        return f"{self.id} ({', '.join(self.placement.hosted)}) {first}{more}.\n{rest}"

    def remove_socket(self) -> None:
        """Remove the socket file that a killed process left behind."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.placement.address.removeprefix("unix:"))

    def member(self, with_load: bool) -> Member:
        """Return it as a routing table shows it; a load that nobody asks for would make a new table every time."""
        return Member(self.id, self.placement.address, self.is_healthy, self.load if with_load else 0)

    def info(self) -> ReplicaInfo:
        where, state = self.placement, self.state
        is_healthy = state == "ready"
        return ReplicaInfo(
            self.id, where.hosted, self.pid, where.address, is_healthy, self.restarts, state, self.last_death
        )
