"""A server with methods that tests can hold, and clients of it that are closed at the end."""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from weaverlab.transport import Call, Reply, Server, SyncPool
from weaverlab.transport.segments import Outgoing
from weaverlab.wire.values import Buffer

SECRET = b"the secret of one deployment, 32"
ECHO, HOLD, RAISE, UNPICKLABLE, IGNORE = range(5)


class Methods:
    """A handler: echo, wait until released, raise, return what cannot travel, answer without looking."""

    def __init__(self) -> None:
        self.executed: list[object] = []
        self.was_executed = threading.Semaphore(0)  # once for each of them
        self.entered = threading.Semaphore(0)
        self.release = threading.Event()
        self.cancelled = threading.Event()

    def call(self, call: Call) -> Reply:
        if call.method == HOLD:
            self.entered.release()
            self.release.wait(20)
        return self._reply(call)

    async def call_async(self, call: Call) -> Reply:
        if call.method == HOLD:
            self.entered.release()
            try:
                while not self.release.is_set():
                    await asyncio.sleep(0.001)  # the test releases from another thread
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return self._reply(call)

    def failure(self, call: Call, error: BaseException) -> object:
        return f"{type(error).__name__}: {error}"

    def _reply(self, call: Call) -> Reply:
        if call.method == IGNORE:
            return Reply(True, b"", None)
        if call.method == RAISE:
            raise ValueError("as asked")
        args = call.args()
        self.executed.append(args)
        self.was_executed.release()
        value = (number for number in range(3)) if call.method == UNPICKLABLE else args
        return Reply(True, b"lineage", value)


class World:
    """One address, the servers started on it, and what they rejected."""

    def __init__(self, stack: ExitStack) -> None:
        self.directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="wl-"))
        self.path = f"{self.directory}/s"
        self.address = f"unix:{self.path}"
        self.methods = Methods()
        self.rejected: list[str] = []
        self.was_rejected = threading.Semaphore(0)
        self._stack = stack

    def serve(self, **options: object) -> Server:
        """Start a server, after the last one has been stopped."""
        server = Server(self.address, SECRET, self.methods, self._reject, **options)
        server.start()
        self._stack.callback(server.stop, 1.0)
        self._stack.callback(self.methods.release.set)
        return server

    def pool(self, secret: bytes = SECRET, **options: object) -> SyncPool:
        pool = SyncPool(self.address, secret, **options)
        self._stack.callback(pool.close)
        return pool

    def _reject(self, reason: str) -> None:
        self.rejected.append(reason)
        self.was_rejected.release()


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack)


@pytest.fixture
def placed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what has been put into shared memory, by anybody."""
    gc.collect()  # earlier tests may have left some of it in there, and that is not to be counted
    sizes: list[int] = []
    put = Outgoing.put

    def counted(self: Outgoing, buffers: Sequence[Buffer]) -> int | None:
        place = put(self, buffers)
        if place is not None:
            sizes.append(sum(map(len, buffers)))
        return place

    monkeypatch.setattr(Outgoing, "put", counted)
    return sizes


@pytest.fixture
def in_thread() -> Iterator[Callable[..., Callable[[], object]]]:
    """Start a function on a thread; calling what is returned waits for its value, or its exception as a value."""
    threads = []

    def start(function: Callable[..., object], *args: object) -> Callable[[], object]:
        outcome: list[object] = []

        def run() -> None:
            try:
                outcome.append(function(*args))
            except Exception as error:
                outcome.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        threads.append(thread)

        def wait() -> object:
            thread.join(20)
            return outcome[0]

        return wait

    yield start
    for thread in threads:
        thread.join(20)


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))
