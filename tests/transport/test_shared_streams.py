"""Large items of streams: through shared memory like other large values, and given back however the stream ends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

import numpy
import pytest

from tests.transport.conftest import SECRET, Methods, World
from tests.transport.holders import segments_of, used_granules, wait_until
from weaverlab.transport import AsyncChannel, Reply
from weaverlab.transport.segments import GRANULE_BYTES, GRANULES
from weaverlab.transport.streaming_async import open_async_stream
from weaverlab.transport.streaming_sync import open_sync_stream
from weaverlab.transport.terms import Terms
from weaverlab.wire.stream_messages import Item, StreamCall

MiB = 1024 * 1024
TERMS = Terms(0.0, 10.0, b"", b"", b"", False)
SOON_S = 10.0


class Endless(Methods):
    """Streams of arrays that are full of their number."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = threading.Semaphore(0)

    def stream(self, call: StreamCall) -> Iterator[Item | Reply]:
        try:
            for number in itertools.count():
                yield Item(b"", numpy.full(MiB // 8, number))
        finally:
            self.closed.release()

    async def stream_async(self, call: StreamCall) -> AsyncIterator[Item | Reply]:
        for item in self.stream(call):
            yield item


@dataclass
class Reader:
    """Reads one stream, blocking or awaited, and leaves it."""

    world: World
    is_async: bool

    def read(self, items: int, look: Callable[[int, numpy.ndarray], object]) -> None:
        """Show the first `items` of a stream to `look`, leave it there, and then close the connection."""
        if self.is_async:
            asyncio.run(self._read_async(items, look))
            return
        pool = self.world.pool()
        with contextlib.closing(open_sync_stream(pool, 0, (), TERMS)) as stream:
            for number in range(items):
                look(number, stream.receive(SOON_S).value)
        pool.close()

    async def _read_async(self, items: int, look: Callable[[int, numpy.ndarray], object]) -> None:
        channel = AsyncChannel(self.world.address, SECRET)
        stream = await open_async_stream(channel, 0, (), TERMS)
        for number in range(items):
            look(number, (await stream.receive(SOON_S)).value)
        stream.close()
        del stream  # which holds the items that nobody has taken
        # The connection lives on, so it is not its end that gives back what was on its way.
        await asyncio.to_thread(self.world.methods.closed.acquire, timeout=SOON_S)
        self.world.methods.closed.release()
        await asyncio.to_thread(wait_until, lambda: not used_granules())
        channel.close()


@pytest.fixture(params=["blocking", "awaited"])
def reader(world: World, request: pytest.FixtureRequest) -> Reader:
    world.methods = Endless()
    world.serve()
    return Reader(world, request.param == "awaited")


def test_the_first_large_item_goes_through_the_socket_and_the_next_through_memory(
    reader: Reader, placed: list[int]
) -> None:
    def look(number: int, array: numpy.ndarray) -> None:
        assert (array == number).all()
        assert array.flags.writeable
        assert len(placed) >= number
        array[:] = -1  # which the items after it do not show

    reader.read(10, look)

    assert set(placed) == {MiB}


def test_the_memory_of_items_that_were_dropped_is_used_again(reader: Reader, placed: list[int]) -> None:
    items = GRANULES * GRANULE_BYTES // MiB + 10  # more than there is room for at a time

    reader.read(items, lambda number, array: None)

    assert len(placed) >= items - 1


def test_a_stream_that_is_left_early_gives_all_its_memory_back(reader: Reader, placed: list[int]) -> None:
    others = segments_of()

    reader.read(3, lambda number, array: None)

    assert reader.world.methods.closed.acquire(timeout=SOON_S)
    assert placed
    wait_until(lambda: segments_of() <= others and not used_granules())


def test_an_item_that_is_kept_outlives_its_stream_and_is_then_given_back(world: World, placed: list[int]) -> None:
    world.methods = Endless()
    world.serve()
    others, kept = segments_of(), []

    Reader(world, is_async=False).read(5, lambda number, array: kept.append(array))

    assert world.methods.closed.acquire(timeout=SOON_S)
    assert all((array == number).all() for number, array in enumerate(kept))
    assert len(segments_of() - others) == 1
    kept.clear()
    wait_until(lambda: segments_of() <= others)
