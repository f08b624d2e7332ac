"""A peer that ends without having read everything is noticed on every loop, also when data of it is still unread."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvloop

from weaverlab.transport.stream import Stream
from weaverlab.wire import MAX_FRAME_BYTES, Kind, Message, Notice, Role, encode_notice


class Listening(Stream):
    """Keeps what it is told."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
        self.messages: list[Message] = []
        self.lost: asyncio.Future[str] = loop.create_future()
        super().__init__(loop, sock, Role.SERVER, MAX_FRAME_BYTES)

    def on_messages(self, messages: list[Message]) -> None:
        self.messages += messages

    def on_drained(self) -> None: ...

    def on_lost(self, reason: str) -> None:
        self.lost.set_result(reason)


NOTICES = 3 * 16 * 1024 // len(encode_notice(Kind.CANCEL, 1))  # more than one read takes


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("is_reading", [True, False], ids=["reading", "not reading"])
def test_a_reset_behind_unread_data_ends_the_connection(
    new_loop: Callable[[], asyncio.AbstractEventLoop], is_reading: bool
) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    loop = new_loop()

    async def main() -> list[Message]:
        stream = Listening(loop, ours)
        if not is_reading:
            stream.pause_reading()
        ours.send(b"never read")
        theirs.sendall(b"".join(encode_notice(Kind.CANCEL, number) for number in range(NOTICES)))
        theirs.close()
        await asyncio.sleep(0)
        if not is_reading:
            stream.resume_reading()
        await asyncio.wait_for(stream.lost, 5)
        return stream.messages

    try:
        messages = loop.run_until_complete(main())
    finally:
        loop.close()

    if is_reading:
        assert messages == [Notice(Kind.CANCEL, number) for number in range(NOTICES)]
