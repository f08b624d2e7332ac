"""The server's end of a connection with one call at a time: its thread reads, executes, answers, and reads again."""

from __future__ import annotations

import socket

from weaverlab.errors import ProtocolError
from weaverlab.transport.handler import Handler, encode_answer, encode_failure, logger
from weaverlab.transport.sockets import send_pieces
from weaverlab.wire import Call, FrameReader, Kind, Message, encode_notice
from weaverlab.wire.frames import Pieces


class SyncConnection:
    """One blocking caller. `serve` runs on the connection's own thread; the other methods on any."""

    def __init__(self, sock: socket.socket, handler: Handler, max_frame_bytes: int) -> None:
        self._sock = sock
        self._handler = handler
        self._max_frame_bytes = max_frame_bytes
        self._reader = FrameReader(max_frame_bytes)
        self._is_draining = False

    def begin_drain(self) -> None:
        """Make `serve` end: now if it waits for a call, else after the reply to the one it has."""
        self._is_draining = True
        _shutdown(self._sock, socket.SHUT_RD)

    def abort(self) -> None:
        """Break the connection; the method that runs cannot be stopped, but its reply goes nowhere."""
        _shutdown(self._sock, socket.SHUT_RDWR)

    def serve(self) -> None:
        """Execute calls until the peer closes, breaks the protocol, or the server drains."""
        try:
            self._serve()
        except ProtocolError as error:
            logger.warning("connection of a blocking caller closed: %s", error)
        except OSError as error:
            logger.debug("connection of a blocking caller lost: %s", error)

    def _serve(self) -> None:
        sock, reader = self._sock, self._reader
        while True:
            count = sock.recv_into(reader.get_buffer(), 0, socket.MSG_WAITALL if reader.is_filling else 0)
            messages = reader.received(count) if count else []
            if self._is_draining:
                # Also when a call has just come: it was sent before the peer could know, and will not be executed.
                sock.sendall(encode_notice(Kind.GOODBYE, 0))
                return
            if messages:
                head, rest = self._answer(messages)
                if rest:
                    send_pieces(sock, (head, *rest))
                else:
                    sock.sendall(head)
            elif not count:
                return

    def _answer(self, messages: list[Message]) -> Pieces:
        call = messages[0]
        if type(call) is not Call or len(messages) > 1:
            raise ProtocolError("a blocking caller may send nothing but one call at a time")
        try:
            reply = self._handler.call(call)
        except Exception as error:
            return encode_failure(self._handler, call, error)
        return encode_answer(self._handler, call, reply, self._max_frame_bytes)


def _shutdown(sock: socket.socket, how: int) -> None:
    try:
        sock.shutdown(how)
    except OSError:  # the peer, or this connection's thread, was faster
        return
