"""Both ends without sockets, fed with mutants: what they must never do, checked after each of them.

Of every mutant: the only error is the one that the protocol has for it; the reader always has room for a next byte,
and never more than it may take; the same messages come out however the bytes are cut into reads; a connection that
raised is closed. Of some, since it is slow to look: how much memory was taken, and how many functions were called,
which is how a hang shows without a clock. Not in here: values. Nothing is unpickled.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from tests.fuzz.mutations import FRAME_BYTES_MAX, Mutant
from tests.fuzz.recording import SECRET, Conversation
from tests.fuzz.relay import Said
from weaverlab.errors import AuthenticationError, ProtocolError
from weaverlab.wire import ClientHandshake, Connection, FrameReader, Message, Notice, Role, ServerHandshake
from weaverlab.wire.connection import State
from weaverlab.wire.handshake import MESSAGE_BYTES, NONCE_BYTES
from weaverlab.wire.stream_messages import Credit

WIDE_BYTES, NARROW_BYTES = 1 << 14, 1 << 8  # of scratch memory: most frames fit into it, most do not
# Of one read, so that the ends of reads and of frames seldom agree; more for what is long, which takes its time.
ODD_BYTES, ODD_BYTES_OF_LONG, LONG_BYTES = 61, 997, 4096

NONCE_AT = 8  # in a message of the handshake
# What nobody looks at: of a HELLO the proof, of a PROOF the detail and the nonce; of a CHALLENGE the detail, of a
# WELCOME everything behind the step. Any other byte that is changed must end the handshake.
UNUSED = {
    Said.BY_CLIENT: (range(40, 72), range(7, 40)),
    Said.BY_SERVER: (range(7, 8), range(7, 72)),
}


class Memory:
    """Shared memory of nothing but zeros, as large as a frame may be."""

    def announced(self, number: int) -> None:
        pass

    def views(self, place: int, lengths: Sequence[int]) -> tuple[memoryview, ...]:
        if place + sum(lengths) > FRAME_BYTES_MAX:
            raise ProtocolError("a place outside the memory")
        return tuple(memoryview(bytes(length)) for length in lengths)


class Outcome(NamedTuple):
    """What came out of some bytes."""

    messages: list[tuple[str, object]]
    error: str


def outcome(reader: FrameReader, received: Callable[[int], list[Message]], data: bytes, read_bytes: int) -> Outcome:
    """Feed `data` to `reader`, at most `read_bytes` at a time, and collect what `received` makes of it."""
    messages: list[tuple[str, object]] = []
    left = memoryview(data)
    while left:
        memory = reader.buffer
        assert 0 < len(memory) <= FRAME_BYTES_MAX, f"room for {len(memory)} bytes"
        count = min(len(memory), len(left), read_bytes)
        memory[:count] = left[:count]
        try:
            messages += map(_content, received(count))
        except ProtocolError as error:
            return Outcome(messages, str(error))
        left = left[count:]
    return Outcome(messages, "")


def outcome_of_frames(scratch_bytes: int, data: bytes, read_bytes: int) -> Outcome:
    """Do so with a reader alone, whose memory is given back before the next one is made."""
    reader = FrameReader(FRAME_BYTES_MAX, scratch_bytes, Memory())
    return outcome(reader, reader.received, data, read_bytes)


def _content(message: Message) -> tuple[str, object]:
    """Return what is in `message`; what is empty in it may also be missing."""
    parts = message._asdict() if isinstance(message, (Notice, Credit)) else vars(message)
    return type(message).__name__, {name: part for name, part in parts.items() if part}


def check_frames(mutant: Mutant, receiver: Said) -> Outcome:
    """Give a mutant of frames to the end that would receive it; return what came of it. Raises AssertionError."""
    odd_bytes = ODD_BYTES if len(mutant.data) < LONG_BYTES else ODD_BYTES_OF_LONG
    wide = outcome_of_frames(WIDE_BYTES, mutant.data, len(mutant.data))
    narrow = outcome_of_frames(NARROW_BYTES, mutant.data, odd_bytes)
    assert wide.error == narrow.error, (wide.error, narrow.error)
    assert _agree(wide, narrow)
    role = Role.CLIENT if receiver is Said.BY_CLIENT else Role.SERVER
    connection = Connection(role, FRAME_BYTES_MAX, Memory())
    inner = outcome(connection.reader, connection.received, mutant.data, odd_bytes)
    assert _agree(inner, narrow)
    assert (connection.state is State.CLOSED) == bool(inner.error)
    return inner


def _agree(one: Outcome, other: Outcome) -> bool:
    """Whether the same messages came out. What comes before a mistake in the same read is not handed out."""
    if not one.error and not other.error:
        return one.messages == other.messages
    count = min(len(one.messages), len(other.messages))
    return one.messages[:count] == other.messages[:count]


def check_handshake(mutant: Mutant, conversation: Conversation, receiver: Said) -> bool:
    """Give changed messages to an end in its handshake; return whether it was convinced. Raises AssertionError."""
    sender = Said.BY_SERVER if receiver is Said.BY_CLIENT else Said.BY_CLIENT
    handshake = _handshake(conversation, receiver)
    for start in range(0, len(mutant.data) - MESSAGE_BYTES + 1, MESSAGE_BYTES):
        if handshake.is_done:
            break
        try:
            handshake.receive(mutant.data[start : start + MESSAGE_BYTES])
        except (AuthenticationError, ProtocolError):
            assert not handshake.is_done
            return False
    if handshake.is_done:
        for was, now, unused in zip(
            conversation.said(sender).handshake, _messages(mutant.data), UNUSED[sender], strict=False
        ):
            changed = [at for at in range(MESSAGE_BYTES) if was[at] != now[at] and at not in unused]
            assert not changed, f"convinced although bytes {changed} were changed"
    return handshake.is_done


def _messages(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), MESSAGE_BYTES):
        yield data[start : start + MESSAGE_BYTES]


def _handshake(conversation: Conversation, receiver: Said) -> ClientHandshake | ServerHandshake:
    """Return the end as it was in the conversation, whose nonce it uses again: else no proof would ever be right."""
    hello, challenge = conversation.client.handshake[0], conversation.server.handshake[0]
    if receiver is Said.BY_SERVER:
        return ServerHandshake(SECRET, challenge[NONCE_AT : NONCE_AT + NONCE_BYTES])
    return ClientHandshake(SECRET, conversation.mode, hello[NONCE_AT : NONCE_AT + NONCE_BYTES])


@contextmanager
def bounded_memory(data: bytes) -> Iterator[None]:
    """Fail when more memory is taken than the limit on frames, the reader's own, and a few copies of `data`."""
    tracemalloc.start()
    try:
        yield
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    bytes_max = FRAME_BYTES_MAX + 64 * 1024 + 20 * len(data) + 100_000
    assert peak_bytes <= bytes_max, f"{peak_bytes:,} bytes were taken for {len(data):,}; at most {bytes_max:,} may be"


class TooManySteps(AssertionError):
    """What should take a number of steps that is known takes more."""


@contextmanager
def bounded_steps(data: bytes) -> Iterator[None]:
    """Fail when more functions are called, of Python's own too, than are needed for so many reads of so many frames."""
    steps_left = 2_000 + 200 * (len(data) // 24 + len(data) // ODD_BYTES)

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal steps_left
        steps_left -= 1
        if steps_left < 0:
            sys.setprofile(None)
            raise TooManySteps(f"in {frame.f_code.co_name}")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)
