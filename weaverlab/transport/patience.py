"""How long a blocking caller goes on waiting for its peer. Not in here: the waiting itself (see `sync_pool`)."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from weaverlab.clock import SystemClock
from weaverlab.errors import Cancelled
from weaverlab.wire import Call

# A signal that arrives just before the thread sleeps in `recv`, or on another thread, does not wake it. So it sleeps no
# longer than this at a time: Ctrl-C, a notebook's Stop button, or the loss of hope are noticed then at the latest.
ATTENTION_S = 0.5
GIVEN_UP = "it does not answer, and another replica does"


# The call that this task executes, and with it whatever thread it has given its context (asyncio.to_thread): cancelling
# the task does not end what such a thread waits for.
executed: ContextVar[Call | None] = ContextVar("weaverlab_executed", default=None)


class GivenUp(Exception):
    """The peer has been given up meanwhile; `GIVEN_UP` is the reason."""


class Patience:
    """Waits in short sleeps until its time is over, or the peer is given up."""

    __slots__ = ("_ends_s", "_is_given_up")

    def __init__(self, timeout_s: float, is_given_up: Callable[[], bool]) -> None:
        self._ends_s = SystemClock.now_s() + timeout_s
        self._is_given_up = is_given_up

    @property
    def left_s(self) -> float:
        """The rest of the time; may be negative."""
        return self._ends_s - SystemClock.now_s()

    def sleep_s(self) -> float:
        """Return how long to sleep next; greater than 0.

        Raises:
            TimeoutError: the time is over.
            GivenUp: the peer has been given up.
            Cancelled: the async method on whose behalf this thread waits has been cancelled.
        """
        if (call := executed.get()) is not None and call.is_cancelled:
            raise Cancelled
        if self._is_given_up():
            raise GivenUp(GIVEN_UP)
        if (left_s := self.left_s) <= 0:
            raise TimeoutError("it did not answer in time")
        return one_sleep_s(left_s)


def one_sleep_s(timeout_s: float) -> float:
    """Return the longest single sleep of a wait of `timeout_s`."""
    return min(timeout_s, ATTENTION_S)


def never() -> bool:
    """Tell that a peer is not given up, whatever happens."""
    return False
