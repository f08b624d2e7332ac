"""A deployment of another process, or of this one: found in the registry, asked through its admin, in a bounded time.

Both ends are of one version of WeaverLab, as each unpickles what the other sends. What the answers look like on a
screen is not in here.
"""

from __future__ import annotations

from typing import Any

from weaverlab import registry
from weaverlab.deployers.admin import METHOD_NUMBERS
from weaverlab.deployers.asking import CONTROL_TIMEOUT_S
from weaverlab.deployers.output import LogPage
from weaverlab.errors import AttachError, WeaverError
from weaverlab.history import Event
from weaverlab.observe import Snapshot
from weaverlab.registry import Record
from weaverlab.runtime import failures
from weaverlab.runtime.version import WEAVERLAB_VERSION
from weaverlab.transport import SyncPool

# A deployer waits up to CONTROL_TIMEOUT_S for each weavelet that hangs, and then still answers.
ANSWER_TIMEOUT_S = 5 * CONTROL_TIMEOUT_S


class Attached:
    """A deployment of any process of this user, asked through its admin."""

    def __init__(self, record: Record, patience_s: float) -> None:
        self.id = record.id
        self._record = record
        self._patience_s = patience_s
        self._pool = SyncPool(record.address, bytes.fromhex(record.secret))

    def status(self) -> Snapshot:
        """Return what it is and does now. All of these raise AttachError when there is no answer in time."""
        snapshot: Snapshot = self._ask("status")
        return snapshot

    def events(self) -> tuple[Event, ...]:
        """Return the newest events of its traced requests."""
        events: tuple[Event, ...] = self._ask("events")
        return events

    def log_page(self, after: int = 0, wait_s: float = 0.0) -> LogPage:
        """Return its log entries from number `after` on; wait for the first up to `wait_s` (at most a second)."""
        page: LogPage = self._ask("log_page", after, wait_s)
        return page

    def stop(self, drain_s: float) -> None:
        """Let it begin to stop in order."""
        self._ask("stop", drain_s)

    def close(self) -> None:
        """Close the connection. The deployment goes on."""
        self._pool.close()

    def _ask(self, method: str, *args: object) -> Any:
        try:
            reply = self._pool.call(METHOD_NUMBERS[method], args, self._patience_s)
        except WeaverError as error:
            who = f"deployment {self.id} (process {self._record.pid})"
            if not registry.is_running(self._record):
                raise AttachError(f"{who} has just ended.") from error
            raise AttachError(f"{who} does not answer: {error.args[0]}") from error
        if reply.ok:
            return reply.value
        raise failures.unpack(reply.value)


def attach(record: Record, patience_s: float = ANSWER_TIMEOUT_S) -> Attached:
    """Return a running deployment that can be asked; each answer may take `patience_s` seconds.

    Raises:
        AttachError: it runs on another version of WeaverLab than this process.
    """
    if record.weaverlab_version != WEAVERLAB_VERSION:
        raise AttachError(
            f"deployment {record.id} runs on WeaverLab {record.weaverlab_version}, this is {WEAVERLAB_VERSION}. "
            f"Use the weaverlab command of its own environment (process {record.pid})."
        )
    return Attached(record, patience_s)
