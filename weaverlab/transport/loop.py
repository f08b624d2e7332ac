"""An event loop on a thread of its own. It never touches a loop that was there before."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any

from weaverlab.transport.descriptors import check_room

END_TIMEOUT_S = 5.0  # for tasks to end that have been cancelled


class LoopThread:
    """An asyncio loop that runs until `stop`; uvloop's, a third faster here, where it is installed."""

    def __init__(self, name: str) -> None:
        self.loop = _new_loop()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any], timeout_s: float | None = None) -> Any:
        """Run `coroutine` on the loop and wait for its result, at most `timeout_s`; cancel it after that.

        Ctrl-C cancels it too. Either way it gets some time to clean up before the exception goes on.
        """
        call = _Call(coroutine)
        try:
            return asyncio.run_coroutine_threadsafe(call.run(), self.loop).result(timeout_s)
        except BaseException:
            self.loop.call_soon_threadsafe(call.cancel)
            call.has_ended.wait(END_TIMEOUT_S)
            raise

    def stop(self) -> None:
        """Cancel what still runs, end the thread, close the loop. What does not let itself be cancelled is left."""
        if self.loop.is_closed():
            return
        with contextlib.suppress(concurrent.futures.TimeoutError):
            asyncio.run_coroutine_threadsafe(_cancel_all(), self.loop).result(END_TIMEOUT_S)
        self._is_stopping = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(END_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            while not self._is_stopping:
                # These end the loop's run, but are the business of whoever waits for the task that raised them.
                with contextlib.suppress(SystemExit, KeyboardInterrupt):
                    self.loop.run_forever()
        finally:
            self.loop.close()


class _Call:
    """A coroutine that can be cancelled at any moment: also before it has begun, when it then never begins."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self._task: asyncio.Task[Any] | None = None
        self.has_ended = threading.Event()

    async def run(self) -> Any:
        self._task = asyncio.current_task()
        try:
            return await self._coroutine
        finally:
            self.has_ended.set()

    def cancel(self) -> None:
        """Cancel it, on the thread of its loop; nothing happens when it has ended."""
        if self._task is not None:
            self._task.cancel()
        else:
            self._coroutine.close()
            self.has_ended.set()


def _new_loop() -> asyncio.AbstractEventLoop:
    check_room()  # uvloop would end the process in the middle
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def _cancel_all() -> None:
    """Cancel every other task of this loop and wait until each has ended."""
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
