"""The server's end of a connection with many calls: what each call's task begins with."""

from __future__ import annotations

import asyncio
import socket
from contextvars import ContextVar

import pytest

from tests.transport.conftest import ECHO, Methods
from weaverlab.transport import Call, Reply
from weaverlab.transport.server_mux import ServerLink
from weaverlab.transport.stream import BATCH_FRAMES
from weaverlab.wire import MAX_FRAME_BYTES, Kind, encode_call, encode_notice, encode_value
from weaverlab.wire.stream_frames import encode_stream_call

REQUEST: ContextVar[str] = ContextVar("request", default="none")


class Looking(Methods):
    """Answers with the request that it believes to belong to."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: asyncio.Queue[str] = asyncio.Queue()

    async def call_async(self, call: Call) -> Reply:
        await self.seen.put(REQUEST.get())
        REQUEST.set(f"that of call {call.call_id}")
        return Reply(True, b"", None)


async def test_every_call_begins_with_an_empty_context_whatever_it_was_read_in_or_was_set_before() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    REQUEST.set("somebody else's")
    methods = Looking()
    link = ServerLink(asyncio.get_running_loop(), ours, methods, MAX_FRAME_BYTES, lambda link: None)
    with theirs:
        for call_id in (1, 2):
            theirs.sendall(encode_call(call_id, ECHO, 5.0, b"", b"", b"", ())[0])

            assert await asyncio.wait_for(methods.seen.get(), 5.0) == "none"
        link.lose("")


async def test_a_stream_that_is_cancelled_before_it_begins_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, timers = asyncio.get_running_loop(), []
    call_later = loop.call_later

    def noted(delay_s: float, *args: object) -> asyncio.TimerHandle:
        timers.append(call_later(delay_s, *args))
        return timers[-1]

    monkeypatch.setattr(loop, "call_later", noted)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    link = ServerLink(loop, ours, Methods(), MAX_FRAME_BYTES, lambda link: None)
    with theirs:
        stream = encode_stream_call(1, ECHO, 3600.0, b"", b"", b"", encode_value(()))[0]
        theirs.sendall(stream + encode_notice(Kind.CANCEL, 1))
        while not timers:
            await asyncio.sleep(0)
        link.lose("")

    assert [timer.cancelled() for timer in timers] == [True]


async def test_what_came_before_a_loss_and_is_read_after_it_is_not_begun() -> None:
    methods = Looking()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    for call_id in range(1, BATCH_FRAMES + 1):  # whose answers leave together, and find nobody
        theirs.sendall(encode_call(call_id, ECHO, 5.0, b"", b"", b"", ())[0])
    theirs.sendall(encode_stream_call(BATCH_FRAMES + 1, ECHO, 0.0, b"", b"", b"", encode_value(()))[0])
    theirs.close()

    link = ServerLink(asyncio.get_running_loop(), ours, methods, MAX_FRAME_BYTES, lambda link: None)
    await asyncio.wait_for(link.closed, 5.0)
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0)

    assert not link._streams.open
