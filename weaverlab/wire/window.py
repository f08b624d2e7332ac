"""How far the sender of a stream may be ahead of its reader. Pure: one object for each end, numbers in and out.

    sender                                          reader
      | ITEM 1 ... ITEM 16                            |    16 items, or 1 MiB and the item that reached it,
      |---------------------------------------------->|    may be on their way or wait here
      |                                               |    the application takes 8 of them, one by one
      |                                    CREDIT 8   |
      |<----------------------------------------------|    half a window is announced at once
      | ITEM 17 ... ITEM 24                           |

A CREDIT says how many items have been taken since the beginning, so one that says more stands for all before it. Only
items are counted on the wire: both ends know how large each was. An item larger than the window is sent when the
window has any room, so the largest item fits, and one of them at a time is on its way.

Not in here: frames (`frames`), and waiting for room or for items, which is the transport's business. The scheme is that
of HTTP/2 (RFC 9113, section 5.2), with whole items instead of bytes.
"""

from __future__ import annotations

from collections import deque

from weaverlab.errors import ProtocolError

# What a reader that stops costs: this much memory, and this much work of the callee that may be for nothing. Enough to
# keep a wire busy: 16 items cover the way of a credit at 100,000 items a second, 1 MiB at 5 GB/s.
ITEMS_MAX = 16
BYTES_MAX = 1024 * 1024


class SendWindow:
    """The sender's end: whether there is room for one more item."""

    __slots__ = ("_bytes", "_out", "_sent")

    def __init__(self) -> None:
        self._sent = 0
        self._out: deque[int] = deque()  # the sizes of items that are not yet known to be taken, oldest first
        self._bytes = 0  # their sum

    @property
    def is_open(self) -> bool:
        """Whether one more item may be sent, however large."""
        return len(self._out) < ITEMS_MAX and self._bytes < BYTES_MAX

    def sent(self, item_bytes: int) -> int:
        """Take note of an item that is being sent; return its number, from 1."""
        self._sent += 1
        self._out.append(item_bytes)
        self._bytes += item_bytes
        return self._sent

    def credit(self, taken: int) -> None:
        """Take note that the reader has taken `taken` items since the beginning.

        Raises:
            ProtocolError: it cannot have, as so many were not sent; or it has said more before.
        """
        before = self._sent - len(self._out)
        if not before <= taken <= self._sent:
            raise ProtocolError(f"a reader has taken {taken} items after {before}, of {self._sent} that were sent")
        for _ in range(taken - before):
            self._bytes -= self._out.popleft()


class ReceiveWindow:
    """The reader's end: whether an item may come, and when to let more of them come."""

    __slots__ = ("_announced", "_bytes", "_bytes_taken", "_out", "_received", "_taken")

    def __init__(self) -> None:
        self._received = 0
        self._taken = 0
        self._announced = 0
        self._out: deque[int] = deque()  # the sizes of items received and not announced as taken, oldest first
        self._bytes = 0  # their sum
        self._bytes_taken = 0  # the part of it that has been taken

    def received(self, number: int, item_bytes: int) -> None:
        """Take note of an item that came.

        Raises:
            ProtocolError: it is not the next one, or there was no room for it.
        """
        if number != self._received + 1:
            raise ProtocolError(f"item {number} of a stream came after item {self._received}")
        if len(self._out) >= ITEMS_MAX or self._bytes >= BYTES_MAX:
            raise ProtocolError(f"item {number} of a stream came before there was room for it")
        self._received = number
        self._out.append(item_bytes)
        self._bytes += item_bytes

    def taken(self) -> int:
        """Take note that the application takes the next item; return what to say in a CREDIT now, 0 for nothing."""
        self._bytes_taken += self._out[self._taken - self._announced]
        self._taken += 1
        if self._taken - self._announced < ITEMS_MAX // 2 and self._bytes_taken < BYTES_MAX // 2:
            return 0
        for _ in range(self._taken - self._announced):
            self._bytes -= self._out.popleft()
        self._announced, self._bytes_taken = self._taken, 0
        return self._taken
