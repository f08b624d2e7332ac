"""Waiting for a server that cannot wait by itself: one of all who wait in this process asks, for all of them.

The pause between two questions begins at a millisecond and grows with the time waited, a tenth of it, up to 50 ms. So a
wait ends at most a tenth, or a millisecond, late; and a hundred barriers cost a server no more than one does. Whoever
comes later starts the pause anew. Not in here: what is asked.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from weaverlab.clock import Clock
from weaverlab.errors import DeadlineExceeded

PAUSE_S_MIN, PAUSE_S_MAX = 0.001, 0.05
LATE_S = 2.0  # how long after its time a wait may end where the server does not answer: to connect takes some, too
PAUSE_SHARE = 0.1  # of the time waited; the promise is to end within a tenth of the lag

T = TypeVar("T")


class Waiting(Generic[T]):
    """One who waits: for an answer that is enough, or any after `until_s`, to question `first` or a later one."""

    def __init__(self, is_enough: Callable[[T], bool], first: int, until_s: float, lock: threading.Lock) -> None:
        self.is_enough = is_enough
        self.first = first
        self.until_s = until_s
        self.answers: list[T] = []  # at most one: with it the wait ends
        self.wake = threading.Condition(lock)


class SharedPoll(Generic[T]):
    """Answers to one question, shared. Any thread may wait; one of those that wait asks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reset()

    def _reset(self) -> None:
        """Begin anew: a forked child has none of the threads that wait here, and one of them may hold the lock."""
        self._pid = os.getpid()
        self._lock = threading.Lock()  # guards everything below; not held while somebody asks
        self._waiting: list[Waiting[T]] = []
        self._newcomer = threading.Condition(self._lock)  # wakes who pauses between two questions
        self._came_s = 0.0  # when the youngest of those who wait came
        self._is_asking = False
        self._asked = 0

    def wait(self, ask: Callable[[], T], is_enough: Callable[[T], bool], timeout_s: float) -> T:
        """Return the first answer that is enough, or one that is not after `timeout_s`. `ask` may raise.

        Raises:
            DeadlineExceeded: somebody else asks, and has had no answer up to `LATE_S` after that.
        """
        if self._pid != os.getpid():
            self._reset()
        until_s = self._clock.now_s() + timeout_s
        with self._lock:
            self._came_s = self._clock.now_s()
            # What is being asked now may be answered from before we came.
            me = Waiting(is_enough, self._asked + 1, until_s, self._lock)
            self._waiting.append(me)
            self._newcomer.notify()
            try:
                while not me.answers:
                    if not self._is_asking:
                        self._ask(ask)
                    elif self._clock.now_s() > until_s + LATE_S:
                        raise DeadlineExceeded("the server has not answered in time.")
                    else:
                        me.wake.wait(PAUSE_S_MAX)  # and look again: who asks may be cancelled at any moment
                return me.answers[0]
            finally:
                self._waiting.remove(me)
                if self._waiting and not self._is_asking:
                    self._waiting[0].wake.notify()

    def _ask(self, ask: Callable[[], T]) -> None:
        """Pause, ask once, wake those whose wait ends with the answer. REQUIRES: the lock is held, nobody asks."""
        self._is_asking = True
        try:
            self._newcomer.wait(self._pause_s())
            self._asked += 1
            asked = self._asked
            self._lock.release()
            try:
                answer = ask()
            finally:
                self._lock.acquire()
        finally:
            self._is_asking = False
        now_s = self._clock.now_s()
        for one in self._waiting:
            if asked >= one.first and (one.is_enough(answer) or now_s >= one.until_s):
                one.answers.append(answer)
                one.wake.notify()

    def _pause_s(self) -> float:
        now_s = self._clock.now_s()
        left_s = max(0.0, min(one.until_s for one in self._waiting) - now_s)
        return min(max(PAUSE_SHARE * (now_s - self._came_s), PAUSE_S_MIN), PAUSE_S_MAX, left_s)
