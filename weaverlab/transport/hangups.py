"""Ends blocking methods whose caller has left, or whose time is over.

The thread that executes a method does not look at its socket meanwhile. One other thread does, for all connections of
a server: it sleeps in the kernel until one of them hangs up, or until the earliest deadline of the running calls, so
a call does not wake it. It ends a method by raising `Cancelled` in its thread, as Ctrl-C is raised in the main thread:
between two steps of the interpreter, hence not before what runs in C has returned. (A method that waits for another
WeaverLab call wakes at least every half second.)

The exception may hit the method and nothing else: not our code around it, not the thread's next call. For that, a
call costs a few attributes, and a lock when there is something to sort out:

    thread of the call                           watching thread, holding the lock
    -------------------------------------------  ---------------------------------------------
    ends_s = its deadline          window open   is_cancelled = True
    the method runs                              if the window is open: raise in that thread
    ends_s = inf                   window shut
    if is_cancelled: let arrive, here, what has
    been raised but has not arrived

Each side writes before it reads what the other wrote, so at least one of them sees the other. Where there is no epoll
(macOS), deadlines are noticed and hang-ups are not. Not in here: what the caller is told (see `runtime.dispatch`).
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import select
import threading
import weakref
from collections.abc import Callable
from typing import Any

from weaverlab.clock import SystemClock
from weaverlab.errors import Cancelled
from weaverlab.transport.handler import GRACE_S
from weaverlab.transport.tls import Connected

_SHUT = math.inf  # the deadline of a thread that executes no method
_HANG_UP = getattr(select, "EPOLLRDHUP", 0)
SLEEP_S_MAX = 86_400.0  # the kernel knows no timeout of a month; one that ends early is begun again
STOP_TIMEOUT_S = 5.0  # for the watching thread, which never waits for anything but the kernel


class Watch:
    """What the thread of one connection executes. Made, and run, on that thread."""

    __slots__ = ("_loop", "_thread_id", "_watcher", "ends_s", "has_hung_up", "is_cancelled", "is_raised")

    def __init__(self, watcher: Watcher) -> None:
        self.ends_s = _SHUT
        self.has_hung_up = False
        self.is_cancelled = False  # something may have been raised that has not arrived
        self.is_raised = False  # in the window that is open now
        self._watcher = watcher
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None
        self._thread_id = threading.get_ident()

    def run(self, ends_s: float, function: Callable[..., Any], args: tuple[Any, ...] = ()) -> Any:
        """Return what `function(*args)` returns; cancel it soon after `ends_s`, or when the connection hangs up.

        Raises:
            Cancelled: it was, and `has_hung_up` tells why. After `run` has ended, none can arrive.
        """
        self.is_raised = False
        self.ends_s = ends_s
        try:
            if self.has_hung_up:
                raise Cancelled
            if ends_s < self._watcher.wakes_s:
                self._watcher.wake_at(ends_s)
            return function(*args)
        finally:
            self.ends_s = _SHUT
            if self.is_cancelled:
                self._take_back()

    def cancel(self, late_s: float) -> None:
        """End the method that runs, if its caller has left or its deadline was before `late_s`.

        REQUIRES: the watcher's lock.
        """
        self.is_cancelled = True
        is_unwanted = self.ends_s != _SHUT if self.has_hung_up else self.ends_s <= late_s
        if is_unwanted and not self.is_raised:  # once, so that it can clean up
            self.is_raised = True
            _raise_in_thread(self._thread_id, Cancelled)
            self._wake_loop()

    def will_wake(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake this thread's `loop`, too, when a method is cancelled: one that runs a loop mostly waits in it, in C."""
        self._loop = weakref.ref(loop)

    def _wake_loop(self) -> None:
        loop = None if self._loop is None else self._loop()
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has been closed
                loop.call_soon_threadsafe(_nothing)

    def _take_back(self) -> None:
        """See to it that nothing arrives later: let it arrive in here.

        There is room for one at a time, so raising it once more takes the place of one that has not arrived. (Python
        can take back without raising, too, but 3.11 then goes on looking for it, and hangs when it is traced.)
        """
        with contextlib.suppress(Cancelled):
            with self._watcher.lock:
                self.is_cancelled = False
                _raise_in_thread(self._thread_id, Cancelled)
            while True:  # for one step or two
                pass


class Watcher:
    """The watching thread of one server. It begins at once."""

    def __init__(self) -> None:
        self.wakes_s = math.inf  # when it looks for late calls; read without the lock
        self.lock = threading.Lock()  # guards everything here, and every raising; held for moments
        self._watches: dict[int, Watch] = {}  # by file descriptor
        self._wake_reader, self._wake = os.pipe()
        self._epoll = select.epoll() if hasattr(select, "epoll") else _NoEpoll(self._wake_reader)
        self._epoll.register(self._wake_reader, select.POLLIN)
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="weaverlab-hangups", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread: nothing is cancelled any more, though methods may still run."""
        with self.lock:
            self._is_stopping = True
            self._watches.clear()
            self.wakes_s = -math.inf  # so that no call tries to wake it
            os.write(self._wake, b"x")
        self._thread.join(STOP_TIMEOUT_S)
        self._epoll.close()
        os.close(self._wake)
        os.close(self._wake_reader)

    def watch(self, sock: Connected) -> Watch:
        """Watch a connection, which this thread begins to serve."""
        of_this_thread.watch = watch = Watch(self)
        with self.lock:
            if not self._is_stopping:
                self._watches[sock.fileno()] = watch
                self._epoll.register(sock.fileno(), _HANG_UP)
        return watch

    def expect_drain(self, sock: Connected) -> None:
        """Take only the end of both directions for a hang-up from now on: we are about to shut one ourselves."""
        with self.lock:
            if self._is_watched(sock.fileno()):
                self._epoll.modify(sock.fileno(), 0)  # that end is reported whatever one asks for

    def forget(self, sock: Connected) -> None:
        """Watch a connection no longer. Before its descriptor is closed, and given to another."""
        with self.lock:
            if self._is_watched(sock.fileno()):
                self._epoll.unregister(sock.fileno())
            self._watches.pop(sock.fileno(), None)

    def wake_at(self, ends_s: float) -> None:
        """Look for late calls at `ends_s`, too."""
        with self.lock:
            if ends_s < self.wakes_s:
                self.wakes_s = ends_s
                os.write(self._wake, b"x")

    def _is_watched(self, descriptor: int) -> bool:
        return descriptor in self._watches and not self._watches[descriptor].has_hung_up

    def _run(self) -> None:
        while True:
            sleep_s = self.wakes_s + GRACE_S - SystemClock.now_s()
            events = self._epoll.poll(None if sleep_s == math.inf else min(max(sleep_s, 0), SLEEP_S_MAX))
            late_s = SystemClock.now_s() - GRACE_S
            with self.lock:
                if self._is_stopping:
                    return
                for descriptor, _ in events:
                    self._look_at(descriptor, late_s)
                if self.wakes_s <= late_s:
                    self._cancel_late(late_s)

    def _look_at(self, descriptor: int, late_s: float) -> None:
        """Cancel what runs for a connection that has hung up."""
        if descriptor == self._wake_reader:
            os.read(descriptor, 1024)
        elif self._is_watched(descriptor) and _has_hung_up(descriptor):  # else it is another's since the event came
            self._epoll.unregister(descriptor)
            watch = self._watches[descriptor]
            watch.has_hung_up = True
            watch.cancel(late_s)

    def _cancel_late(self, late_s: float) -> None:
        self.wakes_s = (
            math.inf
        )  # first: calls that begin from now on wake us, and those that began before are seen here
        running = list(self._watches.values())
        for watch in running:
            if watch.ends_s <= late_s:
                watch.cancel(late_s)
        self.wakes_s = min((watch.ends_s for watch in running if not watch.is_raised), default=math.inf)


class _Nobody(Watcher):
    """Watches over threads that serve no connection: as blind as one that was stopped."""

    def __init__(self) -> None:
        self.wakes_s = -math.inf


class _OfThisThread(threading.local):
    """`watch` is the one of the connection that this thread serves, for whoever executes its calls."""

    watch = Watch(_Nobody())


of_this_thread = _OfThisThread()


def _raise_in_thread(thread_id: int, error: type[BaseException]) -> None:
    """Raise `error` in a thread at its next step, in place of one that has not arrived."""
    from ctypes import c_ulong, py_object, pythonapi  # 3 ms, and most processes never need it

    pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread_id), py_object(error))  # holds the interpreter's lock meanwhile


def _nothing() -> None:
    """What a loop is asked to do that is only to wake up."""


def _has_hung_up(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, _HANG_UP)
    return bool(poll.poll(0))


class _NoEpoll:
    """Takes the place of epoll where there is none: wakes when told to, and sees no connection hang up."""

    def __init__(self, wake_reader: int) -> None:
        self._wake_reader = wake_reader

    def register(self, descriptor: int, events: int) -> None: ...
    def modify(self, descriptor: int, events: int) -> None: ...
    def unregister(self, descriptor: int) -> None: ...
    def close(self) -> None: ...

    def poll(self, timeout_s: float | None) -> list[tuple[int, int]]:
        readable = select.select([self._wake_reader], [], [], timeout_s)[0]
        return [(descriptor, select.POLLIN) for descriptor in readable]
