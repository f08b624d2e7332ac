"""The connections of one process to the weavelets that it calls, and what it knows about each of them.

What the deployer says comes as a `RoutingTable`; what a failed call says comes sooner, and holds for a moment. Not in
here: which replica takes a call (see `replicas`), and what is sent (see `remote`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial

from weaverlab.clock import Clock, Rng
from weaverlab.routing import Member, RoutingTable
from weaverlab.transport import AsyncChannel, SyncPool
from weaverlab.transport.tls import PeerTls, Tls

# How long a replica that a call has just failed on is passed over: the deployer, who knows better, needs about as long.
SUSPICION_S = 0.5


class Peer:
    """One weavelet as this process calls it."""

    __slots__ = ("address", "in_flight", "pool", "replica", "reported_load")

    def __init__(self, member: Member, pool: SyncPool) -> None:
        self.replica = member.replica
        self.address = member.address
        self.pool = pool
        self.reported_load = member.load
        self.in_flight = 0  # calls of this process; changed in single steps of the interpreter, so without a lock

    @property
    def load(self) -> int:
        """Calls that it executes, as far as known here: its report includes ours, but may be older than they are."""
        return max(self.reported_load, self.in_flight)


class Links:
    """The connections of one process to other weavelets, shared by all of its handles."""

    def __init__(self, secret: bytes, clock: Clock, rng: Rng, table: RoutingTable, tls: Tls | None = None) -> None:
        self.clock = clock
        self.rng = rng
        self.table = table
        self.closed_because = ""
        self._secret = secret
        self._tls = tls
        self._changing = threading.Lock()  # guards the order of tables, and what is opened and forgotten by them
        self._peers: dict[tuple[str, bool], Peer] = {}
        self._channels: dict[tuple[asyncio.AbstractEventLoop, str], AsyncChannel] = {}
        self._suspects: dict[str, float] = {}  # address -> until when it is passed over

    def peer(self, member: Member, for_control: bool = False) -> Peer:
        """Return the weavelet of `member`; connections to it are opened when first used.

        Those of a deployer's own questions are `for_control`: they are never given up, as nobody else can answer.
        """
        key = member.address, for_control
        peer = self._peers.get(key)
        if peer is None:
            with self._changing:
                pool = SyncPool(member.address, self._secret, tls=self._tls_to(member.replica))
                peer = self._peers.setdefault(key, Peer(member, pool))
                peer.pool.is_given_up = not for_control and member.address in self.table.given_up()
        peer.reported_load = member.load
        return peer

    def channel(self, address: str) -> AsyncChannel:
        """Return the running loop's connection to `address`; it is opened when first used."""
        key = (asyncio.get_running_loop(), address)
        channel = self._channels.get(key)
        if channel is None:
            with self._changing:
                for ended in [other for other in self._channels if other[0].is_closed()]:
                    self._channels.pop(ended).close()
                channel = self._channels[key] = AsyncChannel(address, self._secret, tls=self._tls_at(address))
                channel.give_up(address in self.table.given_up())
        return channel

    def _tls_to(self, replica: str) -> PeerTls | None:
        return None if self._tls is None else self._tls.to(replica)

    def _tls_at(self, address: str) -> PeerTls | None:
        """Return how to connect to `address`, which has just been chosen: so it is that of a known peer."""
        return next((self._tls_to(peer.replica) for peer in self._peers.values() if peer.address == address), None)

    def update(self, table: RoutingTable) -> None:
        """Take in what the deployer says, unless something newer is known.

        Calls that wait for a replica that is given up, and may be repeated, are repeated at another one. What is not
        in the table is forgotten.
        """
        with self._changing:
            if table.version <= self.table.version:
                return
            for address in table.healthy() - self.table.healthy():
                self._suspects.pop(address, None)  # the deployer knows better
            self.table = table
            known, given_up = table.addresses(), table.given_up()
            for (address, for_control), peer in list(self._peers.items()):
                peer.pool.is_given_up = address in given_up and not for_control
                if address not in known:
                    del self._peers[address, for_control]
                    peer.pool.close_when_idle()
            for (loop, address), channel in list(self._channels.items()):
                if channel.is_given_up != (address in given_up):
                    _on(loop, partial(channel.give_up, address in given_up))
                if address not in known:
                    del self._channels[loop, address]
                    if not _on(loop, channel.close_when_idle):
                        channel.close()

    def suspect(self, address: str) -> None:
        """Pass over `address` for a moment: a call has just failed there."""
        self._suspects[address] = self.clock.now_s() + SUSPICION_S

    def without_suspects(self, peers: tuple[Peer, ...]) -> tuple[Peer, ...]:
        """Return those of `peers` that no call has just failed on; all of them when there are none."""
        if not self._suspects:
            return peers
        now_s = self.clock.now_s()
        for address, until_s in list(self._suspects.items()):
            if until_s <= now_s:
                self._suspects.pop(address, None)
        return tuple(peer for peer in peers if peer.address not in self._suspects) or peers

    def close(self, because: str) -> None:
        """Close every connection; handles raise `StoppedError` with this reason from now on."""
        self.closed_because = self.closed_because or because
        with self._changing:  # other threads may still be calling, and adding to these
            for peer in self._peers.values():
                peer.pool.close()
            for (loop, _), channel in self._channels.items():
                if not _on(loop, channel.close):
                    channel.close()


def _on(loop: asyncio.AbstractEventLoop, action: Callable[[], object]) -> bool:
    """Run `action` on the thread of `loop`; return False when the loop has been closed, as after `asyncio.run`."""
    try:
        loop.call_soon_threadsafe(action)
    except RuntimeError:
        return False
    return True
