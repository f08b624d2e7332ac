"""What both ends do with a blocking socket: connect, shake hands, send all of a frame, bound the waiting.

A timeout is set in the kernel (SO_RCVTIMEO, SO_SNDTIMEO) where calls are made: Python's own `settimeout` polls
before every `recv` and `send`, 0.9 µs each time. During the handshake, once per connection, it is the simpler one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from struct import Struct

from weaverlab.clock import secret_bytes
from weaverlab.errors import AuthenticationError, ProtocolError, Unreachable
from weaverlab.transport.address import open_socket, unix_path
from weaverlab.transport.patience import GivenUp, Patience, never
from weaverlab.transport.tls import Connected, PeerTls, explained
from weaverlab.wire import ClientHandshake, Mode
from weaverlab.wire.frames import DEADLINE_MAX_S
from weaverlab.wire.handshake import MESSAGE_BYTES, NONCE_BYTES
from weaverlab.wire.values import Buffer

HANDSHAKE_TIMEOUT_S = 5.0  # a busy machine answers in milliseconds; a silent peer must not hold a thread for long

# Room for a whole large array, so that its sender is not woken once per 200 KiB. The kernel gives what it allows.
SEND_BUFFER_BYTES = 4 * 1024 * 1024
IOVEC_MAX = 512  # sendmsg takes 1,024 on Linux and macOS

_TIMEVAL = Struct("@ll")


def connect(
    address: str,
    secret: bytes,
    mode: Mode,
    timeout_s: float,
    is_given_up: Callable[[], bool] = never,
    tls: PeerTls | None = None,
) -> Connected:
    """Return a blocking socket on which frames may be sent.

    Raises:
        Unreachable: nobody listens there, whoever does is silent, or `is_given_up` has become true.
        AuthenticationError: one of the two ends does not know the other's secret, or trust its certificate.
        ProtocolError: the other end speaks another version of the protocol.
    """
    patience = Patience(min(timeout_s, HANDSHAKE_TIMEOUT_S), is_given_up)
    sock = socket_to(address)
    try:
        prepare(sock)
        _connect(sock, unix_path(address), patience)
        connected = sock if tls is None else tls.connect(sock, patience)
        with explained():
            shake_hands(connected, ClientHandshake(secret, mode, secret_bytes(NONCE_BYTES)), patience)
        set_kernel_timeout(sock, socket.SO_SNDTIMEO, 0)
        return connected
    except (OSError, EOFError, GivenUp) as error:
        sock.close()
        raise unreachable(address, error) from error
    except (AuthenticationError, ProtocolError) as error:
        sock.close()
        raise type(error)(f"{address}: {error}") from None
    except BaseException:
        sock.close()
        raise


def socket_to(address: str) -> socket.socket:
    """Return a socket with which to connect to `address`. Raises Unreachable when descriptors are short."""
    try:
        return open_socket()
    except OSError as error:
        raise unreachable(address, error) from error


def _connect(sock: socket.socket, path: str, patience: Patience) -> None:
    """Connect, waiting while the peer's backlog is full."""
    while True:
        set_kernel_timeout(sock, socket.SO_SNDTIMEO, patience.sleep_s())
        try:
            sock.connect(path)
            return
        except BlockingIOError:
            continue


def unreachable(address: str, error: Exception) -> Unreachable:
    """Return the error for a peer that could not be connected to, or fell silent before a call was sent."""
    return Unreachable(f"{address}: {type(error).__name__}: {error}")


def prepare(sock: socket.socket) -> None:
    """Set what every connection wants."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def shake_hands(sock: Connected, handshake: ClientHandshake, patience: Patience) -> None:
    """Carry a client's handshake; leaves the socket blocking. Raises as both of these do, or OSError, EOFError."""
    sock.sendall(handshake.hello)
    while not handshake.is_done:
        sock.sendall(handshake.receive(receive_exactly(sock, MESSAGE_BYTES, patience)))
    sock.settimeout(None)


def receive_exactly(sock: Connected, count: int, patience: Patience) -> bytes:
    """Return the next `count` bytes. Raises as `patience` does, and EOFError when the peer closes before."""
    data = b""
    while len(data) < count:
        sock.settimeout(patience.sleep_s())
        try:
            chunk = sock.recv(count - len(data))
        except TimeoutError:
            continue
        if not chunk:
            raise EOFError("the peer closed the connection during the handshake")
        data += chunk
    return data


def set_kernel_timeout(sock: Connected, option: int, timeout_s: float) -> None:
    """Make a blocking `recv` or `send` raise BlockingIOError after `timeout_s`; 0 means never."""
    timeout_s = min(timeout_s, DEADLINE_MAX_S)
    microseconds = int(timeout_s % 1 * 1e6)
    if timeout_s and timeout_s < 1e-6:
        microseconds = 1  # not 0, which the kernel would take for never
    sock.setsockopt(socket.SOL_SOCKET, option, _TIMEVAL.pack(int(timeout_s), microseconds))


def send_pieces(sock: Connected, pieces: Sequence[Buffer], sent: int = 0) -> None:
    """Send all pieces from where they are, but for the first `sent` bytes; BlockingIOError is the kernel's timeout."""
    queue = list(pieces)
    drop_sent(queue, sent)
    while queue:
        drop_sent(queue, sock.sendmsg(queue[:IOVEC_MAX]))


def drop_sent(queue: list[Buffer], sent: int) -> None:
    """Remove the first `sent` bytes from `queue`."""
    done = 0
    for piece in queue:
        length = len(piece)
        if sent < length:
            if sent:
                queue[done] = memoryview(piece)[sent:]
            break
        sent -= length
        done += 1
    del queue[:done]
