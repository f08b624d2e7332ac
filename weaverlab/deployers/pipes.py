"""The pipes of all weavelets of a deployment, waited for by one thread: bootstraps out, events and output in.

Not in here: what an event means, and what is done when a weavelet has ended (see `supervisor`).
"""

from __future__ import annotations

import contextlib
import os
import selectors
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from weaverlab.deployers.replica import READ_BYTES, Replica
from weaverlab.runtime.events import parse_event

REST_READS_MAX = 4  # of a dead process's pipe: one empties it (64 KiB), one sees its end

Reaction: TypeAlias = Callable[[Replica], None]


class Pipes:
    """Used by one thread, but for `wake`."""

    def __init__(
        self,
        take: Callable[[Replica, dict[str, Any]], None],
        printed: Callable[[Replica, str], None],
        ended: Reaction,
    ) -> None:
        """`take` gets each event, `printed` each line of output; `ended` is called when no event will come any more."""
        self._take = take
        self._printed = printed
        self._ended = ended
        self._selector = selectors.DefaultSelector()
        self._wake_r, self._wake_w = os.pipe()
        self._selector.register(self._wake_r, selectors.EVENT_READ, None)

    def watch(self, replica: Replica, bootstrap: bytes) -> None:
        """Send a new process its bootstrap, as fast as it reads, and take in all that it says."""
        process = replica.process
        assert process is not None
        replica.unsent = memoryview(bootstrap)
        os.set_blocking(process.lifeline_fd, False)  # whoever does not read must not hold up the others
        for fd, kind, react in (
            (process.lifeline_fd, selectors.EVENT_WRITE, self._send_bootstrap),
            (process.events_fd, selectors.EVENT_READ, self._events_came),
            (process.output_fd, selectors.EVENT_READ, self._read_output),
        ):
            self._selector.register(fd, kind, (react, replica))
        self._send_bootstrap(replica)  # most fit into a pipe: it can begin while others are started

    def ready(self, timeout_s: float) -> Iterator[tuple[Reaction, Replica]]:
        """Wait until something has come, or for `timeout_s`; yield what is to be called, with what."""
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                os.read(self._wake_r, 1)
            elif key.fileobj in self._selector.get_map():  # the same turn may have seen the end of its process
                yield key.data

    def wake(self) -> None:
        """Let the thread that waits go on."""
        os.write(self._wake_w, b"x")

    def read_rest(self, replica: Replica) -> None:
        """Take in what a dead process has left in its pipes, and watch them no more."""
        process = replica.process
        assert process is not None
        self._read_left(process.events_fd, self._read_events, replica)
        self._read_left(process.output_fd, self._read_output, replica)
        self._forget(process.lifeline_fd)

    def close(self) -> None:
        """Release everything; no process may be left."""
        for fd in (self._wake_r, self._wake_w):
            os.close(fd)
        self._selector.close()

    def _send_bootstrap(self, replica: Replica) -> None:
        assert replica.process is not None
        fd = replica.process.lifeline_fd
        try:
            replica.unsent = replica.unsent[os.write(fd, replica.unsent) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it has died already, which is noticed elsewhere
            replica.unsent = memoryview(b"")
        if not replica.unsent:
            self._forget(fd)

    def _events_came(self, replica: Replica) -> None:
        assert replica.process is not None
        self._read_events(replica)
        if replica.process.events_fd not in self._selector.get_map():
            self._ended(replica)

    def _read_events(self, replica: Replica) -> None:
        assert replica.process is not None
        for line in replica.event_lines.feed(self._read(replica.process.events_fd)):
            event = parse_event(line)
            if event is None:
                self._printed(replica, line.decode(errors="replace"))
            else:
                self._take(replica, event)

    def _read_output(self, replica: Replica) -> None:
        assert replica.process is not None
        for line in replica.output_lines.feed(self._read(replica.process.output_fd)):
            self._printed(replica, line.decode(errors="replace"))

    def _read(self, fd: int) -> bytes:
        """Return what has arrived on `fd`; at its end, stop watching it."""
        data = os.read(fd, READ_BYTES)
        if not data:
            self._forget(fd)
        return data

    def _read_left(self, fd: int, read: Reaction, replica: Replica) -> None:
        """Read what is left in a pipe. A process that was forked may hold it, and go on writing: do not wait."""
        os.set_blocking(fd, False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(REST_READS_MAX):
                if fd in self._selector.get_map():
                    read(replica)
        self._forget(fd)

    def _forget(self, fd: int) -> None:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)
