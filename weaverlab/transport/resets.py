"""Tells connections on uvloop that their peer has gone: uvloop itself may never do so.

A socket whose peer closed it without having read everything is in error. asyncio's loop reports that until the error
has been read. uvloop calls the reader once, which may find data first, and then watches the socket no more: who waits
for an answer would wait until the deadline. So the kernel is asked apart, by an epoll of our own that looks for nothing
but ends, and that the loop watches like a socket. Calls pay nothing for it. Where there is no epoll (macOS), it is as
uvloop has it.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from weaverlab.transport.tls import Connected

NOTHING_BUT_ENDS = 0  # epoll reports errors and hang-ups whatever it is asked for


class Resets:
    """The connections of one loop whose ends are watched, on the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._epoll: select.epoll | None = None  # while there is something to watch
        self._on_end: dict[int, Callable[[], None]] = {}  # by file descriptor

    def watch(self, sock: Connected, on_end: Callable[[], None]) -> None:
        """Call `on_end` once the connection has ended, as far as the kernel is concerned; data may still be unread."""
        if self._epoll is None:
            self._epoll = select.epoll()
            self._loop.add_reader(self._epoll.fileno(), self._on_event)
        self._epoll.register(sock.fileno(), NOTHING_BUT_ENDS)
        self._on_end[sock.fileno()] = on_end

    def forget(self, sock: Connected) -> None:
        """Watch a connection no longer. Before it is closed; also when it has ended."""
        if self._on_end.pop(sock.fileno(), None) is not None:
            assert self._epoll is not None
            self._epoll.unregister(sock.fileno())
        if self._epoll is not None and not self._on_end:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None
            _of_loops.pop(self._loop, None)  # else nobody could forget the loop

    def _on_event(self) -> None:
        assert self._epoll is not None
        for descriptor, _ in self._epoll.poll(0):
            self._epoll.unregister(descriptor)  # it has been said
            self._on_end.pop(descriptor)()


_of_loops: dict[asyncio.AbstractEventLoop, Resets] = {}  # while they have connections


def resets_of(loop: asyncio.AbstractEventLoop) -> Resets | None:
    """Return who watches the ends of connections on `loop`; None where the loop does so itself."""
    if isinstance(loop, asyncio.SelectorEventLoop) or not hasattr(select, "epoll"):
        return None
    if loop not in _of_loops:
        _of_loops[loop] = Resets(loop)
    return _of_loops[loop]
