"""WeaverLab, measured like any other system: the handle of a deployed component, and the bare data plane below it.

A handle's call has everything on: authentication, deadline, lineage, metrics, retry. The pool and the channel are what
it is made on: an authenticated connection and a deadline, and a handler that answers with its argument.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import weaverlab as weaver
from benchmarks.system import AsyncCaller, AsyncSystem, Caller, System
from benchmarks.values import ITEMS, size_bytes
from weaverlab import Component
from weaverlab.transport import AsyncChannel, Call, Reply, Server, SyncPool

SECRET = bytes(32)
TIMEOUT_S = 30.0
METHODS: dict[str, int] = {"echo": 0, "size": 1}


class EchoService(Component):
    """What the handles call."""

    def echo(self, value: object) -> object:
        return value

    async def echo_async(self, value: object) -> object:
        return value

    def size(self, value: object) -> int:
        return size_bytes(value)

    async def size_async(self, value: object) -> int:
        return size_bytes(value)

    def stream(self, value: object) -> Iterator[object]:
        for _ in range(ITEMS):
            yield value

    async def stream_async(self, value: object) -> AsyncIterator[object]:
        for _ in range(ITEMS):
            yield value

    def compute(self) -> None:
        """Compute on a thread of this process, as long as that lives."""
        threading.Thread(target=compute_until, args=(threading.Event(),), daemon=True).start()


def compute_until(is_over: threading.Event) -> None:
    """Keep the interpreter busy with pure Python."""
    while not is_over.is_set():
        for number in range(1000):
            number * number


class Deployed:
    """The deployment behind a handle, blocking or not."""

    def __init__(self, system: System) -> None:
        app = system.stack.enter_context(weaver.deploy(EchoService, show=lambda entry: None))
        self.handle = app.get(EchoService)
        self.pids = [replica.pid for replica in app.replicas()]


def reader(stream: Callable[[object], Iterator[object]]) -> Caller:
    """Return a caller that reads a whole stream, and returns its last item."""

    def read(value: object) -> object:
        for item in stream(value):
            last = item
        return last

    return read


def async_reader(stream: Callable[[object], AsyncIterator[object]]) -> AsyncCaller:
    async def read(value: object) -> object:
        async for item in stream(value):
            last = item
        return last

    return read


class BlockingHandle(System):
    methods = ("echo", "size", "stream")

    def start(self) -> None:
        self.deployed = Deployed(self)

    def connect(self, method: str = "echo") -> Caller:
        caller: Caller = getattr(self.deployed.handle, method)
        return reader(caller) if method == "stream" else caller

    def pids(self) -> list[int]:
        return self.deployed.pids


class AwaitedHandle(AsyncSystem):
    methods = ("echo", "size", "stream")

    def start(self) -> None:
        self.deployed = Deployed(self)

    async def open(self, method: str = "echo") -> AsyncCaller:
        caller = getattr(self.deployed.handle, f"{method}_async")
        return async_reader(caller) if method == "stream" else caller

    def pids(self) -> list[int]:
        return self.deployed.pids


class Echo:
    """Handles the calls of the bare data plane."""

    def call(self, call: Call) -> Reply:
        (value,) = call.args()
        return Reply(ok=True, lineage=b"", value=size_bytes(value) if call.method else value)

    async def call_async(self, call: Call) -> Reply:
        return self.call(call)

    def failure(self, call: Call, error: BaseException) -> object:
        return repr(error)


def serve(ready: Callable[[object], None], address: str) -> None:
    handler: Any = Echo()  # as much of a handler as is called here
    Server(address, SECRET, handler, print).start()
    ready(True)


class BarePool(System):
    methods = tuple(METHODS)

    def start(self) -> None:
        address = f"unix:{self.folder()}/weaverlab"
        self.serve(serve, address)
        self._pool = SyncPool(address, SECRET)
        self.stack.callback(self._pool.close)

    def connect(self, method: str = "echo") -> Caller:
        call, number = self._pool.call, METHODS[method]
        return lambda value: call(number, (value,), TIMEOUT_S).value


class BareChannel(AsyncSystem):
    methods = tuple(METHODS)

    def start(self) -> None:
        self._address = f"unix:{self.folder()}/weaverlab"
        self.serve(serve, self._address)
        self._channel: AsyncChannel | None = None

    async def open(self, method: str = "echo") -> AsyncCaller:
        if self._channel is None:
            self._channel = AsyncChannel(self._address, SECRET)
        channel, number = self._channel, METHODS[method]

        async def call(value: object) -> object:
            return (await channel.call(number, (value,), TIMEOUT_S)).value

        return call

    async def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
