"""Streams on real sockets: what goes on a connection, whose connection it is afterwards, and peers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import numpy
import pytest

from tests.transport.conftest import ECHO, SECRET, Methods, World
from weaverlab.errors import CallLost, DeadlineExceeded, Unreachable
from weaverlab.transport import AsyncChannel, Reply, SyncPool, async_channel
from weaverlab.transport.async_channel import AsyncLink
from weaverlab.transport.sockets import connect
from weaverlab.transport.streaming_async import AsyncStream, open_async_stream
from weaverlab.transport.streaming_sync import SyncStream, open_sync_stream
from weaverlab.transport.sync_pool import SyncLink
from weaverlab.transport.terms import Terms
from weaverlab.wire import Kind, Mode, encode_call, encode_notice, encode_reply, encode_value
from weaverlab.wire.stream_frames import encode_credit, encode_item, encode_stream_call
from weaverlab.wire.stream_messages import Item, ReceivedItem, StreamCall
from weaverlab.wire.window import ITEMS_MAX

TERMS = Terms(0.0, 5.0, b"", b"", b"", False)
SOON_S = 10.0
SILENT, STUBBORN = 1, 2  # methods whose items do not come, or only when it is cancelled, and which then goes on


class Streams(Methods):
    """A handler of streams: `args` says how many items; each item waits until it may go."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go = threading.Event()
        self.may_go.set()
        self.produced = 0
        self.closed = threading.Semaphore(0)

    def stream(self, call: StreamCall) -> Iterator[Item | Reply]:
        try:
            for number in range(call.args()):
                self.may_go.wait(SOON_S)
                self.produced += 1
                yield Item(b"", number)
            yield Reply(True, b"", "the end")
        finally:
            self.closed.release()

    async def stream_async(self, call: StreamCall) -> AsyncIterator[Item | Reply]:
        try:
            if call.method == SILENT:
                await asyncio.sleep(SOON_S)
            while call.method == STUBBORN:
                yield Item(b"", self.produced)
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(SOON_S)
            for number in range(call.args()):
                self.produced += 1
                yield Item(b"", number)
            yield Reply(True, b"", "the end")
        finally:
            self.closed.release()


@pytest.fixture
def streams(world: World) -> Streams:
    world.methods = Streams()
    return world.methods


@pytest.fixture
def pool(world: World, streams: Streams) -> SyncPool:
    world.serve()
    return world.pool()


def open_stream(pool: SyncPool, items: int, terms: Terms = TERMS) -> SyncStream:
    return open_sync_stream(pool, 0, items, terms)


def read(stream: SyncStream) -> list[object]:
    """Return the values of all items, and of the end."""
    values = []
    with contextlib.closing(stream):
        while True:
            message = stream.receive(5.0)
            values.append(message.value)
            if type(message) is not ReceivedItem:
                return values


@pytest.mark.parametrize("items", [0, 1, ITEMS_MAX // 2, ITEMS_MAX, ITEMS_MAX + 1, 1000])
def test_a_connection_is_given_back_after_the_end_and_late_credits_disturb_nobody(pool: SyncPool, items: int) -> None:
    assert pool.call(ECHO, "before", 5.0).value == "before"
    assert read(open_stream(pool, items)) == [*range(items), "the end"]
    assert pool.call(ECHO, "after", 5.0).value == "after"
    assert read(open_stream(pool, items)) == [*range(items), "the end"]

    assert "idle=1" in repr(pool)


@pytest.mark.parametrize("length", [10, 5_000, 20_000, 100_000, 1_000_000])
def test_a_call_right_behind_a_late_credit_arrives_as_it_was_sent(world: World, streams: Streams, length: int) -> None:
    world.serve()
    array = numpy.arange(length, dtype=numpy.uint16)
    with connect(world.address, SECRET, Mode.SYNC, 5.0) as sock:
        sock.sendall(encode_stream_call(1, 0, 0, b"", b"", b"", encode_value(0))[0])
        assert sock.recv(1)
        head, rest = encode_call(2, ECHO, 5.0, b"", b"", b"", array)
        sock.sendall(b"".join((encode_credit(1, 1), head, *rest)))
        assert streams.was_executed.acquire(timeout=SOON_S)

    numpy.testing.assert_array_equal(streams.executed, [array])


def test_a_stream_that_is_left_early_takes_its_connection_with_it(pool: SyncPool, streams: Streams) -> None:
    stream = open_stream(pool, 10**9)
    assert stream.receive(5.0).value == 0

    stream.close()

    assert streams.closed.acquire(timeout=SOON_S)
    assert "idle=0" in repr(pool)
    assert pool.call(ECHO, 1, 5.0).value == 1


def test_the_window_is_full_before_anything_is_asked_for(pool: SyncPool, streams: Streams) -> None:
    stream = open_stream(pool, 10**9)

    stream.close()

    assert streams.closed.acquire(timeout=SOON_S)
    assert streams.produced <= ITEMS_MAX


def test_a_stream_that_has_begun_is_read_on_when_its_peer_is_given_up(pool: SyncPool) -> None:
    stream = open_stream(pool, 10 * ITEMS_MAX)

    pool.is_given_up = True

    assert read(stream) == [*range(10 * ITEMS_MAX), "the end"]


def test_each_wait_has_its_own_time(pool: SyncPool, streams: Streams) -> None:
    streams.may_go.clear()
    with pytest.raises(DeadlineExceeded) as exceeded:
        open_stream(pool, 1, TERMS._replace(wait_s=0.05))
    assert exceeded.value.maybe_executed
    streams.may_go.set()
    stream = open_stream(pool, 1)
    with pytest.raises(DeadlineExceeded):
        stream.receive(0.0)
    stream.close()


def test_time_that_runs_out_between_two_items_says_that_the_stream_was_executed(pool: SyncPool) -> None:
    stream = open_stream(pool, 10 * ITEMS_MAX)

    with pytest.raises(DeadlineExceeded) as exceeded:
        for _ in range(ITEMS_MAX):  # all of which are there, but taking half of them is to be told
            stream.receive(1e-9)

    stream.close()
    assert exceeded.value.maybe_executed


def test_the_time_that_connecting_takes_is_not_there_for_the_first_item(
    pool: SyncPool, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_at_once = pool._connect

    def connect_slowly(timeout_s: float) -> SyncLink:
        link = connect_at_once(timeout_s)
        ends_s = time.monotonic() + timeout_s
        while time.monotonic() <= ends_s:
            pass
        return link

    monkeypatch.setattr(pool, "_connect", connect_slowly)
    with pytest.raises(DeadlineExceeded) as exceeded:
        open_stream(pool, 1, TERMS._replace(wait_s=0.05))

    assert not exceeded.value.maybe_executed
    assert streams.produced == 0


def test_a_stopped_server_takes_no_stream(world: World, streams: Streams) -> None:
    server, pool = world.serve(), world.pool()
    read(open_stream(pool, 1))
    server.stop(1.0)

    with pytest.raises(Unreachable):
        open_stream(pool, 1)


def test_a_pool_outlives_a_restart_of_its_peer(world: World, streams: Streams) -> None:
    pool = world.pool()
    for _ in range(3):
        server = world.serve()
        assert read(open_stream(pool, 3)) == [0, 1, 2, "the end"]
        server.stop(1.0)


def test_a_server_that_stops_waits_for_a_stream_and_goes_on_crediting_it(
    world: World, streams: Streams, in_thread: Callable[..., Callable[[], object]]
) -> None:
    server, pool = world.serve(), world.pool()
    stream = open_stream(pool, 10 * ITEMS_MAX)
    stopped = in_thread(server.stop, SOON_S)

    assert read(stream) == [*range(10 * ITEMS_MAX), "the end"]
    assert stopped() is None


def test_a_server_that_stops_cuts_a_stream_that_does_not_end(world: World, streams: Streams) -> None:
    server, pool = world.serve(), world.pool()
    stream = open_stream(pool, 10**9)
    server.stop(0.05)

    with pytest.raises(CallLost) as lost:
        while True:
            stream.receive(5.0)
    stream.close()
    assert lost.value.maybe_executed
    assert streams.closed.acquire(timeout=SOON_S)


# A reader that does not keep to the protocol


@pytest.mark.parametrize(
    "wrong",
    [
        encode_credit(1, 10**6),
        encode_notice(Kind.CANCEL, 1),
        encode_stream_call(2, 0, 0, b"", b"", b"", encode_value(1))[0],
    ],
    ids=["credit", "cancel", "second call"],
)
def test_a_reader_that_sends_what_it_may_not_is_dropped(world: World, streams: Streams, wrong: bytes) -> None:
    world.serve()
    with connect(world.address, SECRET, Mode.SYNC, 5.0) as sock:
        sock.sendall(encode_stream_call(1, 0, 0, b"", b"", b"", encode_value(10**9))[0])
        assert sock.recv(1)
        sock.sendall(wrong)

        assert streams.closed.acquire(timeout=SOON_S)


# A callee that does not keep to the protocol


@pytest.fixture
def wicked(world: World) -> Iterator[Callable[[bytes], SyncPool]]:
    """A server that answers whatever comes with the bytes that it was given."""
    from weaverlab.transport.address import open_socket
    from weaverlab.transport.patience import Patience, never
    from weaverlab.transport.sockets import receive_exactly
    from weaverlab.wire import ServerHandshake
    from weaverlab.wire.handshake import MESSAGE_BYTES

    with contextlib.ExitStack() as stack:

        def serve(answer: bytes) -> SyncPool:
            listener = stack.enter_context(open_socket())
            listener.bind(world.path)
            listener.listen()

            def run() -> None:
                with listener.accept()[0] as sock:
                    handshake = ServerHandshake(SECRET, bytes(32))
                    while not handshake.is_done:
                        sock.sendall(handshake.receive(receive_exactly(sock, MESSAGE_BYTES, Patience(5.0, never))))
                    sock.recv(1000)
                    sock.sendall(answer)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(1000):
                        pass

            thread = threading.Thread(target=run)
            thread.start()
            stack.callback(thread.join, SOON_S)
            return world.pool()

        yield serve


def item(number: int, call_id: int = 1) -> bytes:
    return b"".join(map(bytes, encode_item(call_id, number, b"", encode_value(number))[:1]))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (item(1) + item(3), "item 3 of a stream came after item 1"),
        (item(1) + item(1), "item 1 of a stream came after item 1"),
        (b"".join(map(item, range(1, ITEMS_MAX + 2))), "before there was room for it"),
        (item(1) + item(2, call_id=9), "in the middle of a stream"),
        (item(1, call_id=9), "answers another call"),
        (item(1) + item(2)[:-3], "closed the connection"),
        (item(1), "closed the connection"),
        (item(1) + bytes(24), "unknown kind 0"),
        (item(1) + encode_notice(Kind.GOODBYE, 0), "in the middle of a stream"),
    ],
)
def test_a_callee_that_sends_what_it_may_not_is_a_call_lost(
    wicked: Callable[[bytes], SyncPool], answer: bytes, reason: str
) -> None:
    stream = None
    with pytest.raises(CallLost, match=reason) as lost:
        stream = open_stream(wicked(answer), 1)
        while True:
            stream.receive(5.0)

    assert lost.value.maybe_executed
    if stream is not None:
        stream.close()


def test_a_goodbye_that_comes_with_the_end_closes_the_connection(wicked: Callable[[bytes], SyncPool]) -> None:
    end = encode_reply(1, True, b"", "the end")[0]
    pool = wicked(item(1) + end + encode_notice(Kind.GOODBYE, 0))

    assert read(open_stream(pool, 1)) == [1, "the end"]
    assert "idle=0" in repr(pool)


# Awaited


@contextlib.asynccontextmanager
async def channel_to(world: World) -> AsyncIterator[AsyncChannel]:
    channel = AsyncChannel(world.address, SECRET)
    try:
        yield channel
    finally:
        channel.close()


async def read_async(stream: AsyncStream) -> list[object]:
    values = []
    with contextlib.closing(stream):
        while True:
            message = await stream.receive(5.0)
            values.append(message.value)
            if type(message) is not ReceivedItem:
                return values


async def test_many_streams_and_calls_share_a_connection(world: World, streams: Streams) -> None:
    world.serve()
    async with channel_to(world) as channel:
        opened = [await open_async_stream(channel, 0, items, TERMS) for items in range(100)]
        echoed = asyncio.gather(*(channel.call(ECHO, number, 5.0) for number in range(100)))

        read = await asyncio.gather(*map(read_async, opened))

        assert read == [[*range(items), "the end"] for items in range(100)]
        assert [reply.value for reply in await echoed] == list(range(100))
        assert "in_flight=0" in repr(channel)


async def test_an_async_stream_that_is_left_early_leaves_its_connection(world: World, streams: Streams) -> None:
    world.serve()
    async with channel_to(world) as channel:
        stream = await open_async_stream(channel, 0, 10**9, TERMS)
        stream.close()
        assert await asyncio.to_thread(streams.closed.acquire, timeout=SOON_S)
        assert (await channel.call(ECHO, 1, 5.0)).value == 1
        assert "in_flight=0" in repr(channel)


async def test_open_streams_take_no_place_from_calls(
    world: World, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_channel, "CALLS_MAX", 2)
    world.serve()
    async with channel_to(world) as channel:
        opened = [await open_async_stream(channel, 0, 10**9, TERMS) for _ in range(5)]
        assert (await channel.call(ECHO, 1, 5.0)).value == 1
        silent = [asyncio.ensure_future(open_async_stream(channel, SILENT, 1, TERMS)) for _ in range(2)]
        await asyncio.sleep(0)  # one whose first item has not come is like a call

        with pytest.raises(DeadlineExceeded, match="2 calls are in flight"):
            await channel.call(ECHO, 2, 0.05)

        for task in silent:
            task.cancel()
        assert [type(end) for end in await asyncio.gather(*silent, return_exceptions=True)] == [
            asyncio.CancelledError
        ] * 2
        assert (await channel.call(ECHO, 3, 5.0)).value == 3
        for stream in opened:
            stream.close()


async def test_a_method_that_heeds_no_cancellation_is_closed_at_its_next_item(world: World, streams: Streams) -> None:
    world.serve()
    async with channel_to(world) as channel:
        stream = await open_async_stream(channel, STUBBORN, 1, TERMS)

        stream.close()

        assert await asyncio.to_thread(streams.closed.acquire, timeout=SOON_S / 2)


async def test_the_time_that_connecting_takes_is_not_there_for_the_first_awaited_item(
    world: World, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.serve()
    async with channel_to(world) as channel:
        wait_ready = channel.wait_ready

        async def wait_ready_until_late(ends_s: float) -> tuple[AsyncLink, float]:
            return (await wait_ready(ends_s))[0], 0.05

        monkeypatch.setattr(channel, "wait_ready", wait_ready_until_late)
        with pytest.raises(DeadlineExceeded, match=r"no item within 0\.05 s"):
            await open_async_stream(channel, SILENT, 1, TERMS)


async def test_a_channel_that_is_closed_ends_its_streams_audibly(world: World, streams: Streams) -> None:
    world.serve()
    async with channel_to(world) as channel:
        stream = await open_async_stream(channel, 0, 10**9, TERMS)
    with pytest.raises(CallLost):
        while True:
            await stream.receive(5.0)
    assert await asyncio.to_thread(streams.closed.acquire, timeout=SOON_S)


def test_an_item_survives_its_way() -> None:
    message = ReceivedItem(1, 2, bytearray(pickle.dumps("text")))

    assert (message.kind, message.number, message.value, message.ok) == (Kind.ITEM, 2, "text", True)
