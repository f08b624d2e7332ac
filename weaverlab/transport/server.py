"""A server: accepts connections, lets in who knows the secret, and hands their calls to a handler.

    accept thread --+-- thread of a connection: handshake --+-- sync: the same thread serves it (server_sync)
                    |                                       +-- mux: given to the event loop (server_mux)
                    +-- ...

Nothing is unpickled, and nothing larger than 72 bytes is read, before the handshake is done. Peers that have not
done it are bounded in number and time. With a `Gate` there is a TLS handshake before it, within the same bounds. Not in
here: what a call does.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import os
import select
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol

from weaverlab.clock import SystemClock, secret_bytes
from weaverlab.transport.address import open_socket, unix_path
from weaverlab.transport.handler import Handler, logger
from weaverlab.transport.hangups import Watcher
from weaverlab.transport.loop import LoopThread
from weaverlab.transport.patience import Patience, never
from weaverlab.transport.server_mux import ServerLink
from weaverlab.transport.server_sync import SyncConnection
from weaverlab.transport.sockets import HANDSHAKE_TIMEOUT_S, prepare, receive_exactly
from weaverlab.transport.tls import Connected
from weaverlab.transport.turns import turns
from weaverlab.wire import MAX_FRAME_BYTES, Kind, Mode, Refused, ServerHandshake, encode_notice
from weaverlab.wire.handshake import MESSAGE_BYTES, NONCE_BYTES

BACKLOG = 1024  # the kernel caps it; whoever comes later waits in connect()
UNPROVEN_MAX = 64  # connections in the handshake at once
# A handshake takes well under a millisecond, so who needs longer than this while others wait is cut off.
UNPROVEN_PATIENCE_S = 0.25
# Of both kinds together; each of the blocking ones holds a thread. A caller that is one too many is turned away at
# once, and tries again, or at another replica, until its deadline.
CONNECTIONS_MAX = 4096
ACCEPT_RETRY_S = 0.1  # after running out of descriptors: others must close theirs first
ABORT_JOIN_S = 0.5  # for threads to notice that their connection was broken


class Gate(Protocol):
    """What stands before the handshake, where there is TLS."""

    def admit(self, sock: socket.socket, patience: Patience) -> tuple[Connected, Handler]:
        """Look who the peer is; return what to speak through, and who executes its calls. Raises as `Tls.accept`."""


class Server:
    """Serves one address until stopped.

    Async calls run on the event loop that `loop` returns, which is asked for one when the first async caller comes;
    without it, on a thread of the server's own.
    """

    def __init__(
        self,
        address: str,
        secret: bytes,
        handler: Handler,
        on_reject: Callable[[str], None],
        *,
        gate: Gate | None = None,
        loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        self.address = address
        self._path = unix_path(address)
        self._secret = secret
        self._handler = handler
        self._gate = gate
        self._on_reject = on_reject
        self._max_frame_bytes = max_frame_bytes
        self._make_loop = loop or self._begin_loop
        self._loop: asyncio.AbstractEventLoop | None = None
        self._own_loop: LoopThread | None = None
        self._listener: socket.socket | None = None
        self._watcher: Watcher  # from `start` on
        self._wake, self._wake_reader = -1, -1
        self._numbers = itertools.count(1)
        self._is_stopping = False
        # The lock guards the five below; it is held for moments only, never while a call runs.
        self._lock = threading.Lock()
        self._has_room = threading.Condition(self._lock)
        self._unproven: dict[socket.socket, None] = {}  # oldest first
        self._connections: dict[SyncConnection, Connected] = {}
        self._links: set[ServerLink] = set()
        self._threads: set[threading.Thread] = set()

    def __repr__(self) -> str:
        return f"Server({self.address!r}, sync={len(self._connections)}, mux={len(self._links)})"

    def start(self) -> None:
        """Listen. Raises OSError when the address is in use; a file left by a dead server is replaced."""
        self._listener = _listen(self._path)
        self._wake_reader, self._wake = os.pipe()
        self._watcher = Watcher()
        self._start_thread(self._accept_until_stopped, "weaverlab-accept")

    def stop(self, drain_timeout_s: float) -> None:
        """Take no more calls, wait at most `drain_timeout_s` for those in flight, then close everything.

        What still runs then is cancelled. Idempotent. Not to be called on the loop's thread. A blocking method that
        does not let itself be cancelled keeps its daemon thread until it returns.
        """
        with self._lock:
            if self._is_stopping or self._listener is None:
                return
            self._is_stopping = True
            self._has_room.notify_all()
        ends_s = SystemClock.now_s() + drain_timeout_s
        os.write(self._wake, b"x")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # first, so that whoever comes now is told at once that nobody is here
        with self._lock:
            unproven, connections = list(self._unproven), dict(self._connections)
        for sock in unproven:
            _break(sock)
        for connection, connected in connections.items():
            self._watcher.expect_drain(connected)
            connection.begin_drain()
        self._drain_links(drain_timeout_s)
        self._join_threads(ends_s)
        for connection in connections:
            connection.abort()
        self._join_threads(SystemClock.now_s() + ABORT_JOIN_S)
        self._watcher.stop()
        if self._own_loop is not None:
            self._own_loop.stop()
        self._listener.close()
        os.close(self._wake)
        os.close(self._wake_reader)

    # Accepting

    def _accept_until_stopped(self) -> None:
        assert self._listener is not None
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._wake_reader, select.POLLIN)
        stop = select.poll()
        stop.register(self._wake_reader, select.POLLIN)
        is_short = False  # of descriptors: said once, not at every attempt
        while True:
            poll.poll()
            if self._is_stopping:
                return
            try:
                sock, _ = self._listener.accept()
            except (BlockingIOError, ConnectionError):
                continue  # it gave up while it waited in the backlog
            except OSError as error:
                if not is_short:
                    logger.warning("%s: cannot accept connections, trying on: %s", self.address, error)
                is_short = True
                stop.poll(ACCEPT_RETRY_S * 1_000)
                continue
            if is_short:
                logger.warning("%s: accepts connections again", self.address)
            is_short = False
            self._admit(sock)

    def _admit(self, sock: socket.socket) -> None:
        """Give a new connection a thread for its handshake, as soon as there is room."""
        with self._has_room:
            while len(self._unproven) >= UNPROVEN_MAX and not self._is_stopping:
                if not self._has_room.wait(UNPROVEN_PATIENCE_S):
                    _break(next(iter(self._unproven)))
            open_count = len(self._connections) + len(self._links) + len(self._unproven)
            if self._is_stopping or open_count >= CONNECTIONS_MAX:
                if not self._is_stopping:
                    self._on_reject(f"{open_count} connections are open, which is as many as there may be")
                sock.close()
                return
            self._unproven[sock] = None
        try:
            self._start_thread(partial(self._serve, sock), f"weaverlab-conn-{next(self._numbers)}")
        except RuntimeError as error:  # no more threads
            self._drop_unproven(sock)
            sock.close()
            logger.warning("%s: refused a connection: %s", self.address, error)

    def _start_thread(self, body: Callable[[], None], name: str) -> None:
        def run() -> None:
            try:
                body()
            finally:
                with self._lock:
                    self._threads.discard(thread)

        thread = threading.Thread(target=run, name=name, daemon=True)
        with self._lock:  # so that whoever finds it in the set can join it, and it cannot leave before it came
            thread.start()
            self._threads.add(thread)

    def _drop_unproven(self, sock: socket.socket) -> None:
        with self._has_room:
            self._unproven.pop(sock, None)
            self._has_room.notify()

    # One connection, on its own thread

    def _serve(self, sock: socket.socket) -> None:
        proven = self._proven(sock)
        if proven is None:
            sock.close()
            return
        mode, connected, handler = proven
        if mode is Mode.SYNC:
            with connected:
                self._serve_sync(connected, handler)
        else:
            self._serve_mux(connected, handler)

    def _proven(self, sock: socket.socket) -> tuple[Mode, Connected, Handler] | None:
        """Carry out the handshakes; return the mode that the peer asked for, or None after rejecting it."""
        connected: Connected = sock
        handler = self._handler
        try:
            patience = Patience(HANDSHAKE_TIMEOUT_S, never)
            if self._gate is not None:
                connected, handler = self._gate.admit(sock, patience)
            handshake = ServerHandshake(self._secret, secret_bytes(NONCE_BYTES))
            while not handshake.is_done:
                answer = handshake.receive(receive_exactly(connected, MESSAGE_BYTES, patience))
                if handshake.is_done:
                    self._drop_unproven(sock)  # first: who has been told that it may call is no more simply cut off
                connected.sendall(answer)
            sock.settimeout(None)
            prepare(sock)
            return handshake.mode, connected, handler
        except Refused as error:
            with contextlib.suppress(OSError):
                connected.sendall(error.farewell)
            self._on_reject(str(error))
        except TimeoutError:
            self._on_reject(f"the client had not proved itself after {HANDSHAKE_TIMEOUT_S:g} s")
        except (OSError, EOFError) as error:
            if not self._is_stopping:  # else it was ended by us
                self._on_reject(f"the connection ended during the handshake: {error}")
        finally:
            self._drop_unproven(sock)
        return None

    def _serve_sync(self, sock: Connected, handler: Handler) -> None:
        connection = SyncConnection(sock, handler, self._max_frame_bytes)
        with self._lock:
            self._connections[connection] = sock
            is_late = self._is_stopping
        if is_late:
            connection.begin_drain()
        turns.opened()
        try:
            self._watcher.watch(sock)
            connection.serve()
        finally:
            turns.closed()
            self._watcher.forget(sock)
            with self._lock:
                del self._connections[connection]

    def _serve_mux(self, sock: Connected, handler: Handler) -> None:
        sock.setblocking(False)
        loop = self._loop_of_links()
        if loop is None:
            _turn_away(sock)
            return
        try:
            loop.call_soon_threadsafe(self._begin_link, loop, sock, handler)
        except RuntimeError:  # the given loop has been closed before its server
            _turn_away(sock)

    def _loop_of_links(self) -> asyncio.AbstractEventLoop | None:
        """Return the loop for async callers, or None when they get none any more, or now."""
        with self._lock:
            if self._loop is None and not self._is_stopping:
                try:
                    self._loop = self._make_loop()
                except OSError as error:
                    logger.warning("%s: refused a connection: it needs an event loop: %s", self.address, error)
            return None if self._is_stopping else self._loop

    # Async callers, on the loop's thread

    def _begin_loop(self) -> asyncio.AbstractEventLoop:
        self._own_loop = LoopThread("weaverlab-loop")
        return self._own_loop.loop

    def _begin_link(self, loop: asyncio.AbstractEventLoop, sock: Connected, handler: Handler) -> None:
        link = ServerLink(loop, sock, handler, self._max_frame_bytes, self._links.discard)
        self._links.add(link)
        if self._is_stopping:
            link.begin_drain()

    def _drain_links(self, timeout_s: float) -> None:
        loop = self._loop
        if loop is None or not loop.is_running():
            return
        draining = asyncio.run_coroutine_threadsafe(self._drain(timeout_s), loop)
        try:
            draining.result(timeout_s + ABORT_JOIN_S)
        except concurrent.futures.TimeoutError:
            logger.warning("%s: an async method blocks its event loop; its connections are left behind", self.address)

    async def _drain(self, timeout_s: float) -> None:
        links = list(self._links)
        for link in links:
            link.begin_drain()
        open_links = [link.closed for link in links if link.is_open]
        if open_links:
            await asyncio.wait(open_links, timeout=timeout_s)
        for link in links:
            link.lose("the server is stopping")

    def _join_threads(self, ends_s: float) -> None:
        with self._lock:
            threads = self._threads - {threading.current_thread()}
        for thread in threads:
            thread.join(max(ends_s - SystemClock.now_s(), 0))


def _listen(path: str) -> socket.socket:
    listener = open_socket()
    try:
        _remove_stale(path)
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_stale(path: str) -> None:
    """Remove a socket that nobody listens on, left by a process that was killed."""
    with open_socket() as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            return  # not there, or not a socket: bind() has the better message


def _turn_away(sock: Connected) -> None:
    """Close a connection that was let in, and say that no call on it has been executed."""
    with contextlib.suppress(OSError):  # it has just ended by itself
        sock.sendall(encode_notice(Kind.GOODBYE, 0))
    sock.close()


def _break(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has just ended by itself
        sock.shutdown(socket.SHUT_RDWR)
