"""The limit: the least that a call between two Python processes can cost. Length, C pickle protocol 5, blocking socket.

    in band        length of the pickle (4 bytes), pickle
    out of band    length of the pickle, count of buffers (4 bytes each), length of each buffer (8), pickle, buffers

Out of band, arrays and `bytes` are sent from where they are, and received into memory that nobody has filled before.
The server has a thread for each connection. A stream is as many answers to one value as it has items. There is nothing
else: no error, no deadline, no flow control, no end but that of the processes.
"""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Callable
from struct import Struct
from typing import Any

import numpy

from benchmarks.system import Caller, System
from benchmarks.values import ITEMS, size_bytes

LENGTH = Struct("<I")
HEAD = Struct("<II")
BUFFER_LENGTH = Struct("<Q")
SEND_BUFFER_BYTES = 4 * 1024 * 1024  # as WeaverLab: a large array's sender is then woken rarely
RAW_BYTES = (bytes, bytearray, memoryview)


class Raw(System):
    """A raw socket: of the UNIX domain or TCP, buffers in or out of band."""

    methods = ("echo", "size", "stream")

    def __init__(self, name: str, is_tcp: bool = False, out_of_band: bool = False) -> None:
        super().__init__(name)
        self._is_tcp = is_tcp
        self._exchange = (send_out_of_band, receive_out_of_band) if out_of_band else (send_in_band, receive_in_band)

    def start(self) -> None:
        folder = "" if self._is_tcp else self.folder()
        self._addresses = self.serve(serve, folder, *self._exchange)

    def connect(self, method: str = "echo") -> Caller:
        send, receive = self._exchange
        if method == "stream":
            receive = for_each_item(receive)
        sock = open_socket(self._is_tcp)
        self.stack.callback(sock.close)
        sock.connect(self._addresses[method])

        def call(value: object) -> object:
            send(sock, value)
            return receive(sock)

        return call


def open_socket(is_tcp: bool) -> socket.socket:
    sock = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX)
    if is_tcp:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    return sock


def serve(ready: Callable[[object], None], folder: str, send: Callable[..., None], receive: Callable[..., Any]) -> None:
    """Answer on one address with what came, on two more with its size and a stream of it; over TCP without a folder."""
    addresses = {}
    for method, answer, respond in (
        ("echo", itself, send),
        ("size", size_bytes, send),
        ("stream", itself, for_each_item(send)),
    ):
        listener = open_socket(not folder)
        listener.bind(f"{folder}/{method}" if folder else ("127.0.0.1", 0))
        listener.listen(1024)
        addresses[method] = listener.getsockname()
        threading.Thread(target=_accept, args=(listener, answer, respond, receive), daemon=True).start()
    ready(addresses)


def itself(value: Any) -> Any:
    return value


def for_each_item(step: Callable[..., Any]) -> Callable[..., Any]:
    """Return what sends, or receives, all items of a stream by `step`, one after the other; it returns the last."""

    def steps(*args: Any) -> Any:
        for _ in range(ITEMS):
            last = step(*args)
        return last

    return steps


def _accept(listener: socket.socket, *how: Any) -> None:
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(sock, *how), daemon=True).start()


def _answer(
    sock: socket.socket, answer: Callable[[Any], Any], send: Callable[..., None], receive: Callable[..., Any]
) -> None:
    try:
        while True:
            send(sock, answer(receive(sock)))
    except (EOFError, OSError):
        sock.close()  # the client has gone


def send_in_band(sock: socket.socket, value: object) -> None:
    data = pickle.dumps(value, 5)
    sock.sendall(LENGTH.pack(len(data)) + data)


def receive_in_band(sock: socket.socket) -> Any:
    head = sock.recv(4)
    if not head:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    data = sock.recv(length)
    if len(data) < length:
        rest = bytearray(length - len(data))
        sock.recv_into(rest, 0, socket.MSG_WAITALL)
        data += rest
    return pickle.loads(data)


def send_out_of_band(sock: socket.socket, value: object) -> None:
    buffers: list[pickle.PickleBuffer] = []
    if isinstance(value, RAW_BYTES):
        value = pickle.PickleBuffer(value)  # pickle takes `bytes` in band, unless told so
    data = pickle.dumps(value, 5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    head = HEAD.pack(len(data), len(views)) + b"".join(BUFFER_LENGTH.pack(view.nbytes) for view in views)
    pieces = [memoryview(head + data), *views]
    while pieces:
        sent = sock.sendmsg(pieces)
        while pieces and sent >= len(pieces[0]):
            sent -= len(pieces.pop(0))
        if sent:
            pieces[0] = pieces[0][sent:]


def receive_out_of_band(sock: socket.socket) -> Any:
    head = sock.recv(HEAD.size)
    if not head:
        raise EOFError
    length, count = HEAD.unpack(head)
    data = sock.recv(BUFFER_LENGTH.size * count + length, socket.MSG_WAITALL)
    lengths, payload = data[: BUFFER_LENGTH.size * count], data[BUFFER_LENGTH.size * count :]
    # `empty`, since a bytearray would be filled with zeros first
    buffers = [numpy.empty(size, numpy.uint8).data for (size,) in BUFFER_LENGTH.iter_unpack(lengths)]
    for buffer in buffers:
        sock.recv_into(buffer, 0, socket.MSG_WAITALL)
    return pickle.loads(payload, buffers=buffers)
