"""Frames out of a stream of bytes, with as few copies as the frames allow.

The caller receives into the reader's buffer, and says how much came:

    n = socket.recv_into(reader.buffer)       small frames: one scratch buffer that is used again and again
    for message in reader.received(n): ...    large ones: straight into the body or buffer being filled

Only the first bytes of a large frame, those that came along in the scratch buffer, are copied to their place.
Not in here: sockets, and which messages are welcome (`connection`).
"""

from __future__ import annotations

from collections import deque

from weaverlab.errors import ProtocolError
from weaverlab.wire.frames import (
    HEADER,
    HEADER_BYTES,
    JOIN_BYTES_MAX,
    MAX_FRAME_BYTES,
    Header,
    Kind,
    Message,
    check_body_length,
    decode_body,
)
from weaverlab.wire.messages import Call, ReceivedReply
from weaverlab.wire.shared import SharedMemory

_unpack = HEADER.unpack_from
_CALL, _REPLY, _SEGMENT = int(Kind.CALL), int(Kind.REPLY), int(Kind.SEGMENT)

# A frame of up to this size needs no memory of its own until it is decoded. Most connections never see a larger one;
# those that do take more scratch, once: what travels inside a pickle then comes with one `recv`, in half the time.
SCRATCH_BYTES = 16 * 1024
SCRATCH_BYTES_MAX = JOIN_BYTES_MAX + 4 * 1024


class FrameReader:
    """Turns received bytes into messages. After it raised ProtocolError the stream is lost; drop it.

    `buffer` is the memory, never empty, that the next bytes belong in. It may be another after each `received`.
    """

    def __init__(
        self,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        scratch_bytes: int = SCRATCH_BYTES,
        shared_memory: SharedMemory | None = None,
    ) -> None:
        self._max_frame_bytes = max_frame_bytes
        self._take_scratch(scratch_bytes)
        self._held = 0  # bytes at the start of the scratch buffer that are not yet a whole frame
        # While a large frame is being filled: its header until its body is there, its message from then on.
        self._header: Header | None = None
        self._message: Call | ReceivedReply | None = None
        self._filling: deque[memoryview] = deque()  # what is still to be filled; the scratch is empty meanwhile
        self._memory: list[bytearray] = []
        self._shared_memory = shared_memory

    @property
    def is_between_frames(self) -> bool:
        """Whether the stream may end here without cutting a frame in two."""
        return not self._held and not self._filling

    @property
    def is_filling(self) -> bool:
        """Whether `buffer` is exactly what is missing of one large piece, worth waiting for as a whole."""
        return bool(self._filling)

    def received(self, count: int) -> list[Message]:
        """Take note that `count` bytes were put into `buffer`; return the messages that are now complete.

        Raises:
            ProtocolError: the peer sends something that is no frame, or larger than is accepted.
        """
        if not self._held and not self._filling:
            length, kind, flags, method, call_id, microseconds = _unpack(self._scratch)
            # Mostly it is one whole plain frame. (Of less than a header, the rest is an old one's: no match.)
            if count == HEADER_BYTES + length and not flags:
                if kind == _CALL:
                    return [Call(call_id, method, microseconds * 1e-6, self._scratch[HEADER_BYTES:count])]
                if kind == _REPLY:
                    return [ReceivedReply(call_id, self._scratch[HEADER_BYTES:count])]
        messages: list[Message] = []
        if self._filling:
            self._fill(count, messages)
        else:
            self._split(self._held + count, messages)
        if self._filling:
            self.buffer = self._filling[0]
        else:
            self.buffer = self._view[self._held :] if self._held else self._view
        return messages

    def _split(self, end: int, messages: list[Message]) -> None:
        """Take the frames out of the scratch buffer, in which there are `end` bytes."""
        start = 0
        while end - start >= HEADER_BYTES and not self._filling:
            header: Header = _unpack(self._scratch, start)
            stop = start + HEADER_BYTES + header[0]
            if stop <= end:
                body = decode_body(header, self._scratch, start + HEADER_BYTES, self._max_frame_bytes)
                start = stop
                if header[1] == _SEGMENT:
                    self._checked_shared_memory().announced(header[4])
                elif not self._is_complete(*body, messages):
                    start = self._move(start, end)
                    if not self._filling:
                        self._finish(messages)
            elif stop - start > len(self._scratch):
                start = self._begin_body(header, start + HEADER_BYTES, end)
                if HEADER_BYTES + header[0] <= SCRATCH_BYTES_MAX:
                    self._take_scratch(SCRATCH_BYTES_MAX)
            else:
                check_body_length(header[0], self._max_frame_bytes)
                break
        self._held = end - start
        if self._held and start:
            self._scratch[: self._held] = self._scratch[start:end]

    def _begin_body(self, header: Header, start: int, end: int) -> int:
        """Take memory for a body that is larger than the scratch buffer, and move there what has come of it."""
        check_body_length(header[0], self._max_frame_bytes)
        self._header = header
        self._allocate((header[0],))
        return self._move(start, end)

    def _is_complete(
        self, message: Message, lengths: tuple[int, ...], place: int | None, messages: list[Message]
    ) -> bool:
        """Hand out `message`, whose body is there, unless buffers of it are still to come; take memory for them."""
        if lengths:
            assert isinstance(message, (Call, ReceivedReply))  # others have no body, hence no buffers
            if place is None:
                self._message = message
                self._allocate(lengths)
                return False
            message.buffers = self._checked_shared_memory().views(place, lengths)
        messages.append(message)
        return True

    def _take_scratch(self, size: int) -> None:
        """Use `size` bytes from now on; the scratch is empty."""
        self._scratch = bytearray(size)
        self._view = self.buffer = memoryview(self._scratch)

    def _allocate(self, lengths: tuple[int, ...]) -> None:
        self._memory = [bytearray(length) for length in lengths]
        self._filling = deque(memoryview(memory) for memory in self._memory if memory)

    def _move(self, start: int, end: int) -> int:
        """Copy from the scratch buffer into what is being filled; return where the rest of the scratch begins."""
        while self._filling and start < end:
            target = self._filling[0]
            count = min(len(target), end - start)
            target[:count] = self._view[start : start + count]
            self._filled(count)
            start += count
        return start

    def _filled(self, count: int) -> None:
        if count == len(self._filling[0]):
            self._filling.popleft()
        else:
            self._filling[0] = self._filling[0][count:]

    def _fill(self, count: int, messages: list[Message]) -> None:
        self._filled(count)
        if self._filling:
            return
        if self._header is None:
            self._finish(messages)
            return
        header, self._header = self._header, None
        # A view, since this memory is used for nothing else.
        body = decode_body(header, memoryview(self._memory[0]), 0, self._max_frame_bytes)
        self._memory = []
        if not self._is_complete(*body, messages) and not self._filling:
            self._finish(messages)

    def _finish(self, messages: list[Message]) -> None:
        """Hand out the message whose buffers are full."""
        message, self._message = self._message, None
        assert message is not None
        message.buffers = tuple(self._memory)
        self._memory = []
        messages.append(message)

    def _checked_shared_memory(self) -> SharedMemory:
        if self._shared_memory is None:
            raise ProtocolError("a frame speaks of shared memory, and this connection has none")
        return self._shared_memory
