"""What every measured system looks like to a round: start a server, open callers, stop. Not in here: any system."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any

from benchmarks.serving import ServerProcess

Caller = Callable[[Any], Any]
AsyncCaller = Callable[[Any], Awaitable[Any]]


class System:
    """A way to call another process. An object is inert until `start`; what it opens is closed by `stop`."""

    needs = ""  # the module without which it cannot run
    distribution = ""  # what pip calls it
    carries: tuple[str, ...] = ("tiny", "record", "chunk", "ndarray", "bytes", "large")  # names in VALUES
    # What can be asked of `connect`. "size": the value goes there, its size comes back. "stream": the value goes there,
    # and comes back `ITEMS` times, item by item; the caller reads them all, and returns the last.
    methods: tuple[str, ...] = ("echo",)
    has_many_callers = True

    def __init__(self, name: str) -> None:
        self.name = name
        self.stack = ExitStack()
        self._pids: list[int] = []

    def start(self) -> None:
        """Start the server, which answers every call with what it was sent."""
        raise NotImplementedError

    def connect(self, method: str = "echo") -> Caller:
        """Return a caller for the thread that asks; it is used by no other."""
        raise NotImplementedError

    def pids(self) -> list[int]:
        """Return the processes that do the server's work."""
        return self._pids

    def stop(self) -> None:
        self.stack.close()

    def serve(self, body: Callable[..., None], *args: object) -> Any:
        """Run `body` in a process of its own until `stop`; return what it says when it is ready."""
        server = ServerProcess(body, *args)
        self.stack.callback(server.stop)
        self._pids.append(server.pid)
        return server.said

    def folder(self) -> str:
        """Return a new folder, short enough for the path of a socket."""
        return self.stack.enter_context(tempfile.TemporaryDirectory(prefix="wl-"))


class AsyncSystem(System):
    """A way to call another process from tasks: one connection for all of them, on one event loop."""

    def __init__(self, name: str, uses_uvloop: bool = False) -> None:
        super().__init__(name)
        self._uses_uvloop = uses_uvloop
        if uses_uvloop:
            self.needs = self.distribution = "uvloop"

    async def open(self, method: str = "echo") -> AsyncCaller:
        """Return what all callers await; runs on the loop that they use."""
        raise NotImplementedError

    async def close(self) -> None:
        """Undo `open`."""

    def new_loop(self) -> asyncio.AbstractEventLoop:
        if not self._uses_uvloop:
            return asyncio.new_event_loop()
        import uvloop

        return uvloop.new_event_loop()
