"""What a server needs from whoever executes the calls, and how an answer becomes a frame."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Generator
from typing import Protocol

from weaverlab.errors import DeadlineExceeded
from weaverlab.wire import Call, Reply, encode_reply
from weaverlab.wire.frames import Pieces
from weaverlab.wire.stream_messages import Item, StreamCall

# How much later than its caller a server ends a call whose time is over: the caller, if it is not frozen, has the first
# word, and says it by hanging up or with a CANCEL. (A blocking caller may be late by 1 % of its time.)
GRACE_S = 0.5

logger = logging.getLogger("weaverlab.transport")


class Handler(Protocol):
    """Executes calls; the runtime's dispatcher is one. Each method should turn an error into a failed reply."""

    def call(self, call: Call) -> Reply:
        """Execute a call of a blocking caller, on the thread of its connection."""

    async def call_async(self, call: Call) -> Reply:
        """Execute a call of an async caller, as a task of its own; it is cancelled when the caller gives up."""

    def stream(self, call: StreamCall) -> Generator[Item | Reply, None, None]:
        """Yield the items of a blocking reader's stream, and then its end. Closed when the reader has left."""

    def stream_async(self, call: StreamCall) -> AsyncGenerator[Item | Reply, None]:
        """The same for an async reader, as a task of its own."""

    def failure(self, call: Call, error: BaseException) -> object:
        """Return what stands for `error` in a failed reply, where the reply itself could not be made or sent."""


def encode_answer(handler: Handler, call: Call, reply: Reply, max_frame_bytes: int) -> Pieces:
    """Return the frame of `reply`, or of a failure with the same lineage if its value cannot travel."""
    try:
        return encode_reply(call.call_id, reply.ok, reply.lineage, reply.value, max_frame_bytes)
    except BaseException as error:  # CannotTravel, or a KeyboardInterrupt that the value itself raises
        return encode_failure(handler, call, error, reply.lineage)


def out_of_time() -> DeadlineExceeded:
    """Return what a caller is told whose call was cancelled at its deadline, if its own clock is behind ours."""
    return DeadlineExceeded("its time ran out while it was executed", maybe_executed=True)


def encode_failure(handler: Handler, call: Call, error: BaseException, lineage: bytes = b"") -> Pieces:
    """Return the frame of a failed reply."""
    return encode_reply(call.call_id, False, lineage, handler.failure(call, error))
