"""Conversations to change: real clients talk to a real server, and a relay between them writes down what it carries.

Made by code each time, so they are of the format as it is. A caller says everything that callers can say; whoever
adds a part to frames adds it to `speak_sync` or `speak_mux`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from unittest.mock import patch

import numpy

from tests.fuzz.relay import Passage, Said, relay
from weaverlab.transport import AsyncChannel, Call, Reply, Server, SyncPool, sharing
from weaverlab.transport.streaming_async import open_async_stream
from weaverlab.transport.streaming_sync import open_sync_stream
from weaverlab.transport.terms import Terms
from weaverlab.wire import FrameReader, Mode, values
from weaverlab.wire.handshake import MESSAGE_BYTES
from weaverlab.wire.stream_messages import Item, ReceivedItem, StreamCall
from weaverlab.wire.window import ITEMS_MAX

SECRET = b"the secret of the fuzzed, 32 byt"
HANDSHAKE_MESSAGES = 2  # that each side sends
ECHO, FAIL, HOLD = range(3)
TIMEOUT_S = 10.0
ARRAY = numpy.arange(600)  # travels beside the pickle, see `recorded`
STREAM_ITEMS = ITEMS_MAX + 1  # enough for a credit
STREAMS = (
    ((), Terms(0.0, TIMEOUT_S, b"", b"", b"", False)),
    ((ARRAY,), Terms(TIMEOUT_S, TIMEOUT_S, b"t" * 24, b"l" * 40, b'{"user": "ann"}', False)),
)


@dataclass(frozen=True)
class Side:
    """What one end said, in pieces: its messages of the handshake, then its frames."""

    handshake: tuple[bytes, ...]
    frames: tuple[bytes, ...]

    @property
    def pieces(self) -> tuple[bytes, ...]:
        return (*self.handshake, *self.frames)


@dataclass(frozen=True)
class Conversation:
    mode: Mode
    client: Side
    server: Side

    def said(self, who: Said) -> Side:
        return self.client if who is Said.BY_CLIENT else self.server


class Elsewhere:
    """Shared memory that is not looked into."""

    def announced(self, number: int) -> None:
        pass

    def views(self, place: int, lengths: Sequence[int]) -> tuple[memoryview, ...]:
        return ()


class Splitter:
    """Finds where pieces end, by asking FrameReader after every byte: it alone knows the format."""

    def __init__(self) -> None:
        self._messages_left = HANDSHAKE_MESSAGES
        self._reader = FrameReader(shared_memory=Elsewhere())
        self._piece = bytearray()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield the pieces that `data` completes."""
        for byte in data:
            self._piece.append(byte)
            if self._is_whole(byte):
                yield bytes(self._piece)
                self._piece.clear()

    def _is_whole(self, byte: int) -> bool:
        if self._messages_left:
            if len(self._piece) < MESSAGE_BYTES:
                return False
            self._messages_left -= 1
            return True
        self._reader.buffer[0] = byte
        self._reader.received(1)
        return self._reader.is_between_frames


class Recorder(Passage):
    """Writes down what both say."""

    def __init__(self) -> None:
        self.said = {who: bytearray() for who in Said}

    def carry(self, who: Said, data: bytes) -> bytes:
        self.said[who] += data
        return data

    def side(self, who: Said) -> Side:
        pieces = list(Splitter().pieces(self.said[who]))
        assert b"".join(pieces) == self.said[who], "a conversation ends in the middle of a frame"
        return Side(tuple(pieces[:HANDSHAKE_MESSAGES]), tuple(pieces[HANDSHAKE_MESSAGES:]))


class Speaker:
    """A handler that answers everything and unpickles nothing: what it is sent may be anything."""

    def __init__(self) -> None:
        self.held = threading.Semaphore(0)

    def call(self, call: Call) -> Reply:
        return self._reply(call)

    def stream(self, call: StreamCall) -> Iterator[Item | Reply]:
        for value in (ARRAY,) if call.buffers else range(STREAM_ITEMS):
            yield Item(call.lineage, value)
        yield Reply(True, b"", None)

    async def stream_async(self, call: StreamCall) -> AsyncIterator[Item | Reply]:
        for answer in self.stream(call):
            yield answer

    async def call_async(self, call: Call) -> Reply:
        if call.method == HOLD:
            self.held.release()
            await asyncio.sleep(TIMEOUT_S)
        return self._reply(call)

    def failure(self, call: Call, error: BaseException) -> object:
        return f"{type(error).__name__}: {error}"

    def _reply(self, call: Call) -> Reply:
        if call.method == FAIL:
            raise ValueError("as asked")
        value: object = ("x" * 50, 1.5) if not call.buffers else ARRAY
        return Reply(True, call.lineage, value)


def speak_sync(pool: SyncPool) -> None:
    """Say what a blocking caller can say."""
    pool.call(ECHO, ("a", 1), TIMEOUT_S)
    pool.call(ECHO, ("all parts",), TIMEOUT_S, trace=b"t" * 24, lineage=b"l" * 40, metadata=b'{"user": "ann"}')
    for _ in range(3):  # the first through the socket, the others through shared memory
        pool.call(ECHO, (ARRAY, ARRAY), TIMEOUT_S, lineage=b"l" * 40)
    pool.call(ECHO, (lambda x: x + 1,), TIMEOUT_S)
    pool.call(FAIL, (), TIMEOUT_S)
    for args, terms in STREAMS:
        with contextlib.closing(open_sync_stream(pool, ECHO, args, terms)) as stream:
            while type(stream.receive(TIMEOUT_S)) is ReceivedItem:
                pass


async def speak_mux(channel: AsyncChannel, speaker: Speaker) -> None:
    """Say what an async caller can say, a cancellation included."""
    await channel.call(ECHO, ("a", 1), TIMEOUT_S)
    parts = channel.call(ECHO, ("all",), TIMEOUT_S, trace=b"t" * 24, lineage=b"l" * 40, metadata=b'{"user": "ann"}')
    await asyncio.gather(parts, channel.call(ECHO, (ARRAY, ARRAY), TIMEOUT_S, lineage=b"l" * 40))
    for _ in range(2):  # that was through the socket, these are through shared memory
        await channel.call(ECHO, (ARRAY, ARRAY), TIMEOUT_S, lineage=b"l" * 40)
    await asyncio.gather(channel.call(ECHO, (lambda x: x + 1,), TIMEOUT_S), channel.call(FAIL, (), TIMEOUT_S))
    for args, terms in STREAMS:
        with contextlib.closing(await open_async_stream(channel, ECHO, args, terms)) as stream:
            while type(await stream.receive(TIMEOUT_S)) is ReceivedItem:
                pass
    held = asyncio.ensure_future(channel.call(HOLD, (), TIMEOUT_S))
    while not speaker.held.acquire(blocking=False):
        await asyncio.sleep(0.001)
    held.cancel()
    await asyncio.wait((held,))
    await channel.call(ECHO, "last", TIMEOUT_S)


@functools.cache
def recorded(mode: Mode) -> Conversation:
    """Return a conversation from the first byte to the server's goodbye."""
    recorder, speaker = Recorder(), Speaker()
    with contextlib.ExitStack() as stack:
        # Else frames with a buffer would be so large that there would be time for few changes of them.
        stack.enter_context(patch.object(values, "OUT_OF_BAND_BYTES_MIN", ARRAY.nbytes))
        stack.enter_context(patch.object(sharing, "SHARED_BYTES_MIN", ARRAY.nbytes))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wl-"))
        server = Server(f"unix:{folder}/s", SECRET, speaker, print)
        server.start()
        stack.callback(server.stop, 1.0)
        stack.enter_context(relay(f"{folder}/r", f"{folder}/s", lambda: recorder))
        if mode is Mode.SYNC:
            pool = SyncPool(f"unix:{folder}/r", SECRET)
            stack.callback(pool.close)
            speak_sync(pool)
            server.stop(1.0)
        else:
            asyncio.run(_talk(f"unix:{folder}/r", server, speaker))
    return Conversation(mode, recorder.side(Said.BY_CLIENT), recorder.side(Said.BY_SERVER))


async def _talk(address: str, server: Server, speaker: Speaker) -> None:
    channel = AsyncChannel(address, SECRET)
    await speak_mux(channel, speaker)
    await asyncio.to_thread(server.stop, 1.0)
    while "in_flight" not in repr(channel):
        await asyncio.sleep(0)
    channel.close()
    await asyncio.sleep(0)
