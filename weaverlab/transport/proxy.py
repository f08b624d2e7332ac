"""The proxy before the replicas of a listener: one address for clients, joined to whichever replica takes them.

Targets come and go while it runs (`set_targets`). A new connection goes to the target that has the fewest; one that
refuses it, or does not take it soon, is set aside for a moment and the next is tried. Nothing of a client is read
before a target has taken its connection, so until then nothing can be lost; from then on the two stay together.

A process that is stopped (SIGSTOP) or hangs refuses nothing: the kernel takes connections for it. Whoever watches the
processes removes it with `set_targets`, for new connections, and ends those it has with `drop`. Not in here: the bytes
(`relay`), and who is healthy.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from weaverlab.component import Listener
from weaverlab.transport.handler import logger
from weaverlab.transport.loop import LoopThread
from weaverlab.transport.relay import READ_BYTES, Relay, reset
from weaverlab.transport.tcp import listen, split

CONNECT_TIMEOUT_S = 1.0  # on one host it takes microseconds, or the queue of the target is full
SET_ASIDE_S = 0.25  # a process that has just died is found dead sooner than this
PATIENCE_S = 5.0  # of a client while there is no target at all: as long as a restart may take
ACCEPT_RETRY_S = 0.1  # after running out of descriptors: others must close theirs first


@dataclass(eq=False)
class _Target:
    """One replica's listener. Used on the loop's thread only."""

    address: str
    connections: int = 0
    last_turn: int = 0
    aside_until_s: float = 0.0


class Proxy:
    """Listens on `address` for listener `name` from the moment it is made; its work is done on `loop`.

    Methods may be called from any thread but the loop's own. Close it before the loop is stopped.

    Raises:
        DeployError: the address cannot be had.
    """

    def __init__(self, name: str, address: str, loop: LoopThread) -> None:
        self._socket = listen(name, address)
        self._socket.setblocking(False)
        self.name = name
        self.addr = Listener(name, socket=self._socket).addr  # with the port that was free, if any was asked for
        self._loop = loop.loop
        self._thread = loop
        self._scratch = memoryview(bytearray(READ_BYTES))
        self._targets: dict[str, _Target] = {}
        self._changed = asyncio.Event()  # of `_targets`; each change has its own
        self._turns = itertools.count(1)
        self._relays: dict[Relay, _Target] = {}
        self._waiting: set[asyncio.Task[None]] = set()  # clients that no target has taken yet
        self._idle = asyncio.Event()  # set while there are neither of these two
        self._idle.set()
        self._has_ended = asyncio.Event()  # set when a connection ends
        self._is_accepting = True
        self._is_in_want = False  # a client has been turned away since one was last taken
        self._soon(self._watch)

    def __repr__(self) -> str:
        return f"Proxy({self.name!r}, {self.addr!r}, targets={list(self._targets)}, connections={len(self._relays)})"

    def set_targets(self, addresses: Iterable[str]) -> None:
        """Send new connections to these addresses ("127.0.0.1:8080", as `Listener.addr` gives them) and to no others.

        Connections to others go on until they end or are dropped.
        """
        self._soon(self._set_targets, tuple(addresses))

    def wait_moved(self, timeout_s: float) -> None:
        """Wait at most `timeout_s` until no connection leads to an address that is no target any more."""
        self._thread.run(self._wait_moved(timeout_s))

    def drop(self, address: str) -> None:
        """End every connection to `address`: properly if all it said, its end too, has been passed on, else by RST.

        Remove it from the targets before, or it gets new ones.
        """
        self._soon(self._drop, address)

    def close(self, drain_s: float) -> None:
        """Take no more connections, wait at most `drain_s` for those open to end, then break off the rest. Idempotent.

        Clients that keep a connection for later (HTTP keep-alive) do not end it, so stop the targets first.
        """
        if not self._loop.is_closed():
            self._thread.run(self._close(drain_s))

    def _soon(self, do: Callable[..., None], *args: object) -> None:
        """Do it on the loop's thread, unless the loop has been stopped since, with everything on it."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(do, *args)

    def _set_targets(self, addresses: tuple[str, ...]) -> None:
        self._targets = {address: self._targets.get(address) or _Target(address) for address in addresses}
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait_moved(self, timeout_s: float) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._until_moved(), timeout_s)

    async def _until_moved(self) -> None:
        while any(target.address not in self._targets for target in self._relays.values()):
            self._has_ended.clear()
            await self._has_ended.wait()

    def _drop(self, address: str) -> None:
        for relay in [relay for relay, target in self._relays.items() if target.address == address]:
            relay.drop()

    async def _close(self, drain_s: float) -> None:
        if self._is_accepting:
            self._is_accepting = False
            self._loop.remove_reader(self._socket)
            self._socket.close()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._idle.wait(), drain_s)
        waiting = list(self._waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for relay in list(self._relays):
            relay.break_off()

    def _set_if_idle(self) -> None:
        if not self._relays and not self._waiting:
            self._idle.set()

    # Accepting

    def _watch(self) -> None:
        if self._is_accepting:
            self._loop.add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except (BlockingIOError, ConnectionError):
            return  # it gave up while it waited
        except OSError as error:
            logger.warning("%r: cannot accept a connection, trying again: %s", self, error)
            self._loop.remove_reader(self._socket)
            self._loop.call_later(ACCEPT_RETRY_S, self._watch)
            return
        client.setblocking(False)
        task = self._loop.create_task(self._serve(client))
        self._waiting.add(task)
        self._idle.clear()
        task.add_done_callback(self._on_served)

    async def _serve(self, client: socket.socket) -> None:
        """Join `client` to a target, or turn it away."""
        try:
            target, sock = await self._connect()
        except BaseException as error:
            reset(client)
            if not isinstance(error, OSError):
                raise
            if not self._is_in_want:
                self._is_in_want = True
                logger.warning("%r: turned a client away: %s", self, error)
            return
        self._is_in_want = False
        self._relays[Relay(self._loop, client, sock, self._scratch, self._on_closed)] = target

    def _on_served(self, task: asyncio.Task[None]) -> None:
        self._waiting.discard(task)
        self._set_if_idle()

    def _on_closed(self, relay: Relay) -> None:
        self._relays.pop(relay).connections -= 1
        self._has_ended.set()
        self._set_if_idle()

    # Choosing and connecting

    async def _connect(self) -> tuple[_Target, socket.socket]:
        """Return a target and a connection to it. Raises TimeoutError, or OSError when descriptors have run out."""
        ends_s = self._loop.time() + PATIENCE_S
        while self._loop.time() < ends_s:
            target = self._next_target()
            if target is None:
                await self._wait_for_a_target(ends_s)
            elif (sock := await self._try(target)) is not None:
                return target, sock
        raise TimeoutError(f"no target took the connection within {PATIENCE_S:g} s")

    def _next_target(self) -> _Target | None:
        """Return the target with the fewest connections, of several the one whose turn is the longest ago."""
        now_s = self._loop.time()
        ready = [target for target in self._targets.values() if target.aside_until_s <= now_s]
        if not ready:
            return None
        chosen = min(ready, key=lambda target: (target.connections, target.last_turn))
        chosen.last_turn = next(self._turns)
        return chosen

    async def _wait_for_a_target(self, ends_s: float) -> None:
        """Wait until targets change, one that was set aside is ready again, or `ends_s`."""
        ready_s = min((target.aside_until_s for target in self._targets.values()), default=ends_s)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), min(ready_s, ends_s) - self._loop.time())

    async def _try(self, target: _Target) -> socket.socket | None:
        """Return a connection to `target`, or None: it did not take one and is set aside, or is no target any more."""
        sock = None
        target.connections += 1  # before it is open, so that many clients at once are spread as well
        try:
            sock = await _open(self._loop, target.address)
            if sock is None:
                target.aside_until_s = self._loop.time() + SET_ASIDE_S
            elif self._targets.get(target.address) is not target:
                sock.close()  # removed meanwhile, and perhaps dropped
                sock = None
        finally:
            if sock is None:
                target.connections -= 1
        return sock


async def _open(loop: asyncio.AbstractEventLoop, address: str) -> socket.socket | None:
    """Return a connection to `address`, None when nobody takes it soon. Raises OSError without a free descriptor."""
    host, port = split(address)
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.wait_for(loop.sock_connect(sock, (host, int(port))), CONNECT_TIMEOUT_S)
        # Where nobody listens, TCP can connect a socket to itself, if the kernel happens to give it the same port.
        if sock.getsockname() != sock.getpeername():
            return sock
    except (OSError, asyncio.TimeoutError):
        pass
    except BaseException:
        sock.close()
        raise
    sock.close()
    return None
