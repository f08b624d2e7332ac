"""A server that speaks MongoDB's wire protocol and says what a test wants: the client library and its sockets are real.

It cannot do anything, so what is tested with it is what we send and what we make of the answers. `OP_MSG` and the old
`OP_QUERY` of the first greeting, as in the manual's "MongoDB Wire Protocol".
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

import bson

from tests.stores.listening import Listening, shut

OP_REPLY, OP_QUERY, OP_MSG = 1, 2004, 2013
NOW = bson.Timestamp(1_700_000_000, 7)

Answer = dict[str, Any] | None  # None ends the connection instead


class ScriptedServer(Listening):
    """`answers` has what to say to a command by its name; `commands` is what was asked, greetings left out."""

    def __init__(self, hello: dict[str, Any] | None = None) -> None:
        self.hello = {
            "ok": 1,
            "isWritablePrimary": True,
            "setName": "lab",
            "lastWrite": {"majorityOpTime": {"ts": NOW, "t": 1}},
            "maxWireVersion": 21,
            "minWireVersion": 0,
            "maxBsonObjectSize": 16 * 1024 * 1024,
            "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000,
            "logicalSessionTimeoutMinutes": 30,
            "localTime": NOW.as_datetime(),
            **(hello or {}),
        }
        self.answers: dict[str, Answer | Callable[[dict[str, Any]], Answer]] = {}
        self.commands: list[dict[str, Any]] = []
        super().__init__()  # from here on clients are served

    def serve(self, connection: socket.socket) -> None:
        # A client that has given up resets its connection.
        with contextlib.suppress(ConnectionError), connection, connection.makefile("rb") as stream:
            while len(header := stream.read(16)) == 16:
                length, request, _, code = struct.unpack("<iiii", header)
                command = _command(code, stream.read(length - 16))
                if (answer := self._answer(command)) is None:
                    shut(connection)
                    return
                connection.sendall(_message(code, request, bson.encode(answer)))

    def _answer(self, command: dict[str, Any]) -> Answer:
        name = next(iter(command))
        if name in ("hello", "ismaster", "isMaster"):
            return self.hello
        if name == "endSessions":
            return {"ok": 1}
        self.commands.append(command)
        answer = self.answers.get(name, {"ok": 1})
        answer = answer(command) if callable(answer) else answer
        return answer and {"operationTime": NOW, **answer}


def _command(code: int, body: bytes) -> dict[str, Any]:
    if code == OP_QUERY:
        _, _, query = body[4:].partition(b"\0")
        return bson.decode(query[8:])
    assert code == OP_MSG
    command: dict[str, Any] = {}
    at = 4  # after the flags
    while at < len(body):
        kind, at = body[at], at + 1
        [length] = struct.unpack_from("<i", body, at)
        section = body[at : at + length]
        if kind == 0:
            command = {**bson.decode(section), **command}
        else:
            name, _, documents = section[4:].partition(b"\0")
            command[name.decode()] = bson.decode_all(documents)
        at += length
    return command


def _message(code: int, request: int, document: bytes) -> bytes:
    if code == OP_QUERY:
        return (
            struct.pack("<iiii", 36 + len(document), 1, request, OP_REPLY) + struct.pack("<iqii", 8, 0, 0, 1) + document
        )
    return struct.pack("<iiii", 21 + len(document), 1, request, OP_MSG) + b"\0\0\0\0\0" + document
