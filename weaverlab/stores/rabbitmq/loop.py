"""An event loop in a thread of its own, for connections that are served whatever their users do meanwhile.

Heartbeats are answered while a handler computes for minutes, and a lost connection is noticed when it is lost and not
when it is next used. Users are threads that hand in coroutines and wait. Not in here: anything about RabbitMQ.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from weaverlab.errors import StoppedError

WAKE_S = 0.5  # how long a waiting thread stays in C, where the cancellation of its method cannot reach it
CANCEL_AGAIN_S = 0.1
STOP_TIMEOUT_S = 5.0

R = TypeVar("R")


class Loop:
    """Runs coroutines for other threads; its thread starts with the first one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()  # guards the three below
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def run(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run `coroutine`, which bounds its own time, and return its result; it is cancelled if this thread is.

        Raises:
            StoppedError: the loop is, or has been, closed.
        """
        future = self._submit(coroutine)
        try:
            while not concurrent.futures.wait([future], WAKE_S).done:
                pass
            return future.result()
        except concurrent.futures.CancelledError:
            raise stopped() from None
        finally:
            future.cancel()

    def call(self, function: Callable[[], object]) -> None:
        """Let `function` run soon; does nothing once the loop is closed."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(function)

    def close(self) -> None:
        """Cancel what runs, and end the thread. Idempotent."""
        with self._lock:
            self._is_closed = True
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
            if loop is not None:
                loop.call_soon_threadsafe(loop.stop)
        if thread is not None:
            thread.join(STOP_TIMEOUT_S)

    def _submit(self, coroutine: Coroutine[Any, Any, R]) -> concurrent.futures.Future[R]:
        with self._lock:
            if self._is_closed:
                coroutine.close()
                raise stopped()
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        while left := asyncio.all_tasks(loop):
            for task in left:
                task.cancel()
            # Before Python 3.12 wait_for may swallow a cancellation, so it is repeated.
            loop.run_until_complete(asyncio.wait(left, timeout=CANCEL_AGAIN_S))
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


def stopped() -> StoppedError:
    return StoppedError("the datastores of this deployment have been closed.")
