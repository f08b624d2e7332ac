"""How long a thread that holds the interpreter may keep the others of its process waiting.

A call passes the interpreter from hand to hand: whoever has received a reply, or a request, must get it from a
thread that computes beside it. With Python's own 5 ms a call that takes 20 µs took 5 ms at each such end, so the
processes of a deployment take turns of half a millisecond.

That is not free where many threads wait: each of them wakes up once in a turn, to say that it still waits. Thirty-two
callers lose a fifth of their calls to it. So a process takes longer turns the more blocking connections it has, up to
what it had before: its waiting threads then wake as often together as a few do. See decision 23.
"""

from __future__ import annotations

import os
import sys
import threading

TURN_S = 0.0005
FEW = 8  # blocking connections, hence threads, that may share turns of that length


class Turns:
    """The switch interval of this process, from the first `shorten` on. Who sets another one keeps it."""

    def __init__(self) -> None:
        # Taken again by a thread that has it, when the garbage collector runs in between and drops somebody's stream.
        self._lock = threading.RLock()
        lock = self._lock  # a child that is forked while another thread holds it must find it free
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
        self._connections = 0
        self._before_s: float | None = None  # None: not shortened, so the interval is none of our business
        self._set_s = 0.0  # as Python tells what we have set, which is in whole microseconds

    def shorten(self) -> None:
        """Let a thread that waits for the interpreter have it soon. It stays so until the process ends."""
        with self._lock:
            if self._before_s is None:
                self._before_s = self._set_s = sys.getswitchinterval()
                self._adjust()

    def opened(self) -> None:
        """Count one more blocking connection, at either end."""
        with self._lock:
            self._connections += 1
            self._adjust()

    def closed(self) -> None:
        with self._lock:
            self._connections -= 1
            self._adjust()

    def _adjust(self) -> None:
        if self._before_s is None or sys.getswitchinterval() != self._set_s:
            return
        sys.setswitchinterval(min(self._before_s, TURN_S * max(1.0, self._connections / FEW)))
        self._set_s = sys.getswitchinterval()


turns = Turns()
