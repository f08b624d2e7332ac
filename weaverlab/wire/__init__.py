"""Bytes <-> messages, the handshake and the connection as state machines, and how values are pickled.

Pure: no socket, thread or clock. Read `frames` first, then `connection` with its table. `transport` puts sockets
around this package.
"""

from weaverlab.wire.connection import Connection, Role
from weaverlab.wire.frames import MAX_FRAME_BYTES, Kind, Message, Notice, encode_call, encode_notice, encode_reply
from weaverlab.wire.handshake import PROTOCOL_VERSION, ClientHandshake, Mode, Refused, ServerHandshake
from weaverlab.wire.messages import Call, ReceivedReply, Reply
from weaverlab.wire.reader import FrameReader
from weaverlab.wire.values import Encoded, decode_value, encode_value

__all__ = [
    "MAX_FRAME_BYTES",
    "PROTOCOL_VERSION",
    "Call",
    "ClientHandshake",
    "Connection",
    "Encoded",
    "FrameReader",
    "Kind",
    "Message",
    "Mode",
    "Notice",
    "ReceivedReply",
    "Refused",
    "Reply",
    "Role",
    "ServerHandshake",
    "decode_value",
    "encode_call",
    "encode_notice",
    "encode_reply",
    "encode_value",
]
