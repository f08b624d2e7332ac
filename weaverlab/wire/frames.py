"""One frame: what a call, a reply and the two small notices look like in bytes.

    0        4      5       6        8         16            24
    +--------+------+-------+--------+---------+-------------+---------- - - ----------+--------- - -
    | body   | kind | flags | method | call id | deadline µs | body                    | buffers
    | u32    | u8   | u8    | u16    | u64     | u64         | `body` bytes            |
    +--------+------+-------+--------+---------+-------------+---------- - - ----------+--------- - -
    \\___________________ header, little-endian ____________/

    body    = [trace] [lineage] [metadata] [buffer lengths] payload [place]
              each part in brackets is there if its flag is set: u32 count of bytes, then the bytes
              (buffer lengths: u64 each); the payload is the rest, a pickle
              place: u64, if SHARED is set: where in shared memory the buffers are (`shared`)
    buffers = the bytes of each out-of-band buffer, one after the other, received into memory of their own;
              nothing if SHARED is set

`method` and the deadline (relative: clocks of two hosts never agree) belong to calls and are 0 elsewhere; for those of
streams see `stream_frames`. The call id of a GOODBYE is that of the last call its sender will answer. Every length is
checked against the limit on frames before memory is taken for it. Not in here: reading frames out of a stream of bytes
(`reader`), which kinds may come when (`connection`).
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from enum import IntEnum, IntFlag
from struct import Struct
from typing import NamedTuple

from weaverlab.errors import CannotTravel, ProtocolError
from weaverlab.wire.messages import Call, ReceivedReply
from weaverlab.wire.stream_messages import Credit, ReceivedItem, StreamCall
from weaverlab.wire.values import OUT_OF_BAND_BYTES_MIN, PLAIN_TYPES, Buffer, Encoded, encode_value

HEADER = Struct("<IBBHQQ")
HEADER_BYTES = HEADER.size
_pack, _dumps = HEADER.pack, pickle.dumps
_U32 = Struct("<I")
PLACE = Struct("<Q")

# All buffers included. There to stop an accident or a wrong peer, not to ration: an array of this size takes
# about 0.1 s to send, and whoever has larger ones wants a file or a store instead.
MAX_FRAME_BYTES = 256 * 1024 * 1024
# An in-band payload above this is sent from where it is instead of being joined to its header by a copy: the copy
# would need fresh memory from the system (see `values.LARGE_BYTES_MIN`).
JOIN_BYTES_MAX = 120 * 1024

DEADLINE_MAX_S = 10.0**9  # thirty years fit the field; an infinite deadline does not


class Kind(IntEnum):
    """What a frame says. IntEnum, so that a byte from the wire finds its entry in a table as it is."""

    CALL = 1
    REPLY = 2  # the method returned
    FAILURE = 3  # the method raised, or could not be run
    CANCEL = 4  # the caller no longer waits
    GOODBYE = 5  # no call after the one named here will be executed
    STREAM = 6  # a call whose answer is a stream: items, and at last a REPLY or FAILURE
    ITEM = 7
    CREDIT = 8  # the reader of a stream has taken items
    SEGMENT = 9  # the sender has memory to share


class Flag(IntFlag):
    """Which optional parts the body has, how the payload was made, and where the buffers are."""

    TRACE = 1
    LINEAGE = 2
    METADATA = 4
    BUFFERS = 8
    DILL = 16
    SHARED = 32


# Plain ints for the code that runs once per frame: combining IntFlags calls Python code.
_TRACE, _LINEAGE, _METADATA, BUFFERS, _DILL, SHARED = (int(flag) for flag in Flag)
_CALL, _REPLY, _FAILURE, _ITEM = int(Kind.CALL), int(Kind.REPLY), int(Kind.FAILURE), int(Kind.ITEM)
_ACCOMPANIED = _TRACE | _LINEAGE | _METADATA
_OF_REPLIES = _LINEAGE | BUFFERS | _DILL | SHARED
_OF_CALLS = _OF_REPLIES | _TRACE | _METADATA
_FLAGS_OF = {_CALL: _OF_CALLS, Kind.STREAM: _OF_CALLS}  # notices have none
_FLAGS_OF |= dict.fromkeys((_REPLY, _FAILURE, _ITEM), _OF_REPLIES)


_BODILESS = (Kind.CANCEL, Kind.GOODBYE, Kind.CREDIT, Kind.SEGMENT)


class Notice(NamedTuple):
    """A CANCEL, GOODBYE or SEGMENT."""

    kind: int
    call_id: int


Message = Call | ReceivedReply | Notice | Credit
Header = tuple[int, int, int, int, int, int]  # as HEADER unpacks it: body bytes, kind, flags, method, call id, µs
Pieces = tuple[bytes, Sequence[Buffer]]  # what to send: the head, then these, which are mostly none


def encode_call(
    call_id: int,
    method: int,
    timeout_s: float,
    trace: bytes,
    lineage: bytes,
    metadata: bytes,
    args: object,
    max_frame_bytes: int = MAX_FRAME_BYTES,
) -> Pieces:
    """Return the frame of a call. Raises CannotTravel when it is larger than the peer would accept."""
    microseconds = int((timeout_s if timeout_s < DEADLINE_MAX_S else DEADLINE_MAX_S) * 1e6)
    for arg in args if type(args) is tuple else (args,):
        if type(arg) not in PLAIN_TYPES:
            encoded = encode_value(args)
            break
    else:
        encoded = _dumps(args, 5), (), False
    payload, buffers, is_dill = encoded
    if not buffers and not is_dill:  # as nearly always: without three functions more, which cost 0.6 µs
        flags, parts = _accompaniment(trace, lineage, metadata) if trace or lineage or metadata else (0, b"")
        length = len(parts) + len(payload)
        if length <= JOIN_BYTES_MAX and length <= max_frame_bytes:
            return _pack(length, _CALL, flags, method, call_id, microseconds) + parts + payload, ()
    return encode_frame(_CALL, method, call_id, microseconds, (trace, lineage, metadata), encoded, max_frame_bytes)


def encode_reply(
    call_id: int, ok: bool, lineage: bytes, value: object, max_frame_bytes: int = MAX_FRAME_BYTES
) -> Pieces:
    """Return the frame of a reply. Raises CannotTravel when it is larger than the peer would accept."""
    kind = _REPLY if ok else _FAILURE
    encoded = (_dumps(value, 5), (), False) if type(value) in PLAIN_TYPES else encode_value(value)
    payload, buffers, is_dill = encoded
    if not buffers and not is_dill:  # as above
        flags, parts = _accompaniment(b"", lineage, b"") if lineage else (0, b"")
        length = len(parts) + len(payload)
        if length <= JOIN_BYTES_MAX and length <= max_frame_bytes:
            return _pack(length, kind, flags, 0, call_id, 0) + parts + payload, ()
    return encode_frame(kind, 0, call_id, 0, (b"", lineage, b""), encoded, max_frame_bytes)


def encode_frame(
    kind: int,
    method: int,
    call_id: int,
    number: int,
    accompanying: tuple[bytes, bytes, bytes],
    value: Encoded,
    max_frame_bytes: int,
) -> Pieces:
    """Return any frame with a value; `accompanying` it are trace, lineage and metadata, `number` is the last field.

    Raises CannotTravel when the frame is larger than the peer would accept.
    """
    payload, buffers, is_dill = value
    flags, parts = _accompaniment(*accompanying)
    if is_dill:
        flags |= _DILL
    if buffers:
        flags |= BUFFERS
        lengths = b"".join([len(buffer).to_bytes(8, "little") for buffer in buffers])
        parts += _U32.pack(len(lengths)) + lengths
    length = _checked_length(parts, value, max_frame_bytes)
    return _pieces(HEADER.pack(length, kind, flags, method, call_id, number) + parts, payload, buffers)


def encode_notice(kind: Kind, call_id: int) -> bytes:
    """Return a frame that is all header: CANCEL, GOODBYE or SEGMENT."""
    return HEADER.pack(0, kind, 0, 0, call_id, 0)


def _accompaniment(trace: bytes, lineage: bytes, metadata: bytes) -> tuple[int, bytes]:
    """Return the flags of what accompanies a value, and the parts themselves."""
    flags, parts = 0, b""
    if trace:
        flags, parts = _TRACE, _U32.pack(len(trace)) + trace
    if lineage:
        flags |= _LINEAGE
        parts += _U32.pack(len(lineage)) + lineage
    if metadata:
        flags |= _METADATA
        parts += _U32.pack(len(metadata)) + metadata
    return flags, parts


def _checked_length(parts: bytes, value: Encoded, max_frame_bytes: int) -> int:
    payload, buffers, _ = value
    length = len(parts) + len(payload)
    total = length + sum(map(len, buffers))
    if total > max_frame_bytes:
        raise CannotTravel(
            f"A value of {total:,} bytes was to be sent; a frame carries at most {max_frame_bytes:,}. Send it in parts."
        )
    return length


def _pieces(head: bytes, payload: bytes, buffers: Sequence[Buffer]) -> Pieces:
    if len(payload) <= JOIN_BYTES_MAX:
        return head + payload, buffers
    return head, (payload, *buffers)


def frame_bytes(head: bytes, rest: Sequence[Buffer]) -> int:
    """Return the size of a whole frame."""
    return len(head) + sum(map(len, rest)) if rest else len(head)


def check_body_length(length: int, max_frame_bytes: int) -> None:
    """Refuse a header that announces more than a frame may have, before memory is taken for it."""
    if length > max_frame_bytes:
        raise ProtocolError(f"a frame announces a body of {length:,} bytes; at most {max_frame_bytes:,} are accepted")


def decode_plain(header: Header, payload: bytearray | memoryview) -> Message:
    """Return the message of a frame without flags, as most are. Raises ProtocolError as `decode_body` does."""
    kind = header[1]
    if kind == _CALL:
        return Call(header[4], header[3], header[5] * 1e-6, payload)
    if kind == _REPLY:
        return ReceivedReply(header[4], payload)
    if kind == _ITEM:
        return ReceivedItem(header[4], header[5], payload)
    if kind == _FAILURE:
        return _failure(header[4], payload)
    if kind == Kind.STREAM:
        return StreamCall(header[4], header[3], header[5] * 1e-6, payload)
    if kind not in _BODILESS:
        raise ProtocolError(f"a frame has the unknown kind {kind}")
    if payload:
        raise ProtocolError(f"a {Kind(kind).name} frame has a body of {len(payload)} bytes; it must have none")
    return Credit(header[4], header[5]) if kind == Kind.CREDIT else Notice(kind, header[4])


def _failure(call_id: int, payload: bytearray | memoryview) -> ReceivedReply:
    reply = ReceivedReply(call_id, payload)
    reply.kind, reply.ok, reply.is_plain = _FAILURE, False, False
    return reply


def decode_body(
    header: Header, source: bytearray | memoryview, start: int, max_frame_bytes: int
) -> tuple[Message, tuple[int, ...], int | None]:
    """Return the message of a frame, how long its buffers are, which the reader then fills, and where they are shared.

    `header` is what `HEADER` unpacked; its body lies in `source` from `start` on, complete. The payload is a slice of
    it: a copy of a bytearray, which may then be used for the next frame, and no copy of a memoryview. Nothing is
    unpickled. Raises ProtocolError when the bytes are no such frame.
    """
    length, kind, flags = header[:3]
    end = start + length
    if not flags:
        return decode_plain(header, source[start:end]), (), None
    if flags & ~_FLAGS_OF.get(kind, 0) or flags & (BUFFERS | SHARED) == SHARED:
        raise ProtocolError(f"a frame of kind {kind} has unknown flags: {flags:#04x}")
    trace = lineage = metadata = b""
    lengths: tuple[int, ...] = ()
    place = None
    if flags & _TRACE:
        trace, start = _part(source, start, end)
    if flags & _LINEAGE:
        lineage, start = _part(source, start, end)
    if flags & _METADATA:
        metadata, start = _part(source, start, end)
    if flags & BUFFERS:
        packed, start = _part(source, start, end)
        lengths = _buffer_lengths(packed, max_frame_bytes - length)
    if flags & SHARED:
        end -= PLACE.size
        if end < start:
            raise ProtocolError("a frame's optional parts are longer than its body")
        (place,) = PLACE.unpack_from(source, end)
    message = decode_plain(header, source[start:end])
    if isinstance(message, Call):
        message.trace, message.metadata = trace, metadata
        message.is_accompanied = flags & _ACCOMPANIED != 0
    else:
        assert isinstance(message, ReceivedReply)  # a notice has no flags
        message.is_plain = False
    message.lineage, message.is_dill = lineage, flags & _DILL != 0
    return message, lengths, place


def _part(source: bytearray | memoryview, start: int, end: int) -> tuple[bytes, int]:
    """Return one optional part and where the next begins."""
    first = start + 4
    if first > end:
        raise ProtocolError("a frame's optional parts are longer than its body")
    stop = first + _U32.unpack_from(source, start)[0]
    if stop > end:
        raise ProtocolError("a frame's optional parts are longer than its body")
    return bytes(source[first:stop]), stop


def _buffer_lengths(packed: bytes, bytes_max: int) -> tuple[int, ...]:
    if not packed or len(packed) % 8:
        raise ProtocolError(f"a frame's buffer lengths take {len(packed)} bytes; expected 8 for each of at least one")
    lengths: tuple[int, ...] = struct.unpack(f"<{len(packed) // 8}Q", packed)
    # The sender puts nothing smaller out of band, so more buffers than this are not its work: each costs an object.
    if len(lengths) * OUT_OF_BAND_BYTES_MIN > max(bytes_max, 0):
        raise ProtocolError(f"a frame announces {len(lengths):,} buffers, more than {bytes_max:,} bytes can fill")
    if sum(lengths) > bytes_max:
        raise ProtocolError(f"a frame announces {sum(lengths):,} bytes of buffers; at most {bytes_max:,} are accepted")
    return lengths
