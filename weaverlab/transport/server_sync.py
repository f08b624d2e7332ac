"""The server's end of a connection with one call at a time: its thread reads, executes, answers, and reads again."""

from __future__ import annotations

import socket
import ssl

from weaverlab.errors import ProtocolError
from weaverlab.transport.handler import Handler, encode_answer, encode_failure, logger
from weaverlab.transport.sharing import Sharing
from weaverlab.transport.sockets import send_pieces
from weaverlab.transport.streaming_server import serve_stream
from weaverlab.transport.tls import Connected
from weaverlab.wire import Call, FrameReader, Kind, Message, encode_notice
from weaverlab.wire.stream_messages import Credit, StreamCall


class SyncConnection:
    """One blocking caller. `serve` runs on the connection's own thread; the other methods on any."""

    def __init__(self, sock: Connected, handler: Handler, max_frame_bytes: int) -> None:
        self._sock = sock
        self._handler = handler
        self._max_frame_bytes = max_frame_bytes
        self._sharing = Sharing(sock)
        self._reader = FrameReader(max_frame_bytes, shared_memory=self._sharing)
        self._is_draining = False
        self._is_streaming = False

    def begin_drain(self) -> None:
        """Make `serve` end: now if it waits for a call, else after the reply to the one it has, or the stream."""
        self._is_draining = True
        if not self._is_streaming:  # else its reader's credits would come no more
            _shutdown(self._sock, socket.SHUT_RD)

    def abort(self) -> None:
        """Break the connection; the method that runs cannot be stopped, but its reply goes nowhere."""
        _shutdown(self._sock, socket.SHUT_RDWR)

    def serve(self) -> None:
        """Execute calls until the peer closes, breaks the protocol, or the server drains."""
        try:
            self._serve()
        except (ProtocolError, ssl.SSLError) as error:  # the latter: somebody has changed it on its way
            logger.warning("connection of a blocking caller closed: %s", error)
        except OSError as error:
            logger.debug("connection of a blocking caller lost: %s", error)
        finally:
            self._sharing.close()

    def _serve(self) -> None:
        # This loop is half of the hot path (`SyncPool.call` is the other): what it uses is looked up once, and what it
        # does for every call stands here in a row.
        reader, recv_into, send = self._reader, self._sock.recv_into, self._sock.send
        received = reader.received
        execute, handler, frame_bytes_max = self._handler.call, self._handler, self._max_frame_bytes
        while True:
            count = recv_into(reader.buffer)
            messages = (received(count) or self._receive_rest()) if count else []
            if self._is_draining:
                # Also when a call has just come: it was sent before the peer could know, and will not be executed.
                self._sock.sendall(encode_notice(Kind.GOODBYE, 0))
                return
            if not messages:
                return
            call = messages[0]
            if type(call) is not Call or len(messages) > 1:
                one = self._call_among(messages)
                if type(one) is StreamCall:
                    self._stream(one)
                if type(one) is not Call:
                    continue
                call = one
            try:
                head, rest = encode_answer(handler, call, execute(call), frame_bytes_max)
            except Exception as error:
                head, rest = encode_failure(handler, call, error)
            if rest:
                head, rest = self._sharing.place((head, rest))
            sent = 0 if rest else send(head)
            if sent != len(head):
                send_pieces(self._sock, (head, *rest), sent)
            del messages, call, rest  # and with them large arguments, which need not wait here for the next call

    def _call_among(self, messages: list[Message]) -> Call | None:
        """Return the one call in `messages`; credits for a stream that has ended may have come before it."""
        calls = [message for message in messages if not isinstance(message, Credit)]
        if not calls:
            return None
        if not isinstance(calls[0], Call) or len(calls) > 1:
            raise ProtocolError("a blocking caller may send nothing but one call at a time")
        return calls[0]

    def _stream(self, call: StreamCall) -> None:
        self._is_streaming = True
        if not self._is_draining:  # asked after the line above: either we see the other thread, or it sees us
            serve_stream(self._sock, self._sharing, self._receive_rest, self._handler, call, self._max_frame_bytes)
        self._is_streaming = False
        if self._is_draining:
            _shutdown(self._sock, socket.SHUT_RD)

    def _receive_rest(self) -> list[Message]:
        """Receive until a frame is complete; for those that do not come with one `recv`. Empty at the end of file."""
        reader = self._reader
        while True:
            count = self._sock.recv_into(reader.buffer, 0, socket.MSG_WAITALL if reader.is_filling else 0)
            messages = reader.received(count) if count else []
            if messages or not count:
                return messages


def _shutdown(sock: Connected, how: int) -> None:
    try:
        sock.shutdown(how)
    except OSError:  # the peer, or this connection's thread, was faster
        return
