"""A connection on a loop: what is written in one turn of it leaves together, up to a bound."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from weaverlab.transport.async_channel import AsyncLink
from weaverlab.transport.stream import BATCH_BYTES, BATCH_FRAMES
from weaverlab.wire import MAX_FRAME_BYTES


@contextlib.contextmanager
def linked() -> Iterator[tuple[AsyncLink, socket.socket]]:
    """A connection, and the other end of it."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    link = AsyncLink(asyncio.get_running_loop(), ours, "its address", MAX_FRAME_BYTES)
    try:
        with theirs:
            yield link, theirs
    finally:
        link.lose("")


@pytest.mark.parametrize("frame_bytes", [24, BATCH_BYTES // 4, BATCH_BYTES // 2, BATCH_BYTES])
async def test_frames_of_one_turn_wait_for_each_other_until_they_are_eight_or_64_kib(frame_bytes: int) -> None:
    together = min(BATCH_FRAMES, BATCH_BYTES // frame_bytes)
    frame = bytes(frame_bytes)
    with linked() as (link, _):
        sent = []
        for _ in range(together):
            link.write(frame, (), frame_bytes, False)
            sent.append(link.bytes_sent)

    assert sent == [0] * (together - 1) + [together * frame_bytes]


async def test_a_batch_that_is_not_full_leaves_at_the_end_of_the_turn() -> None:
    with linked() as (link, theirs):
        link.write(b"one ", (), 4, False)
        link.write(b"two", (), 3, False)
        await asyncio.sleep(0)

        assert theirs.recv(100) == b"one two"
