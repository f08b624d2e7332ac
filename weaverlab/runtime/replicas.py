"""Which replica of a component takes a call, as one caller sees it.

Healthy replicas, in turn or the least loaded; a routed call goes to the owner of its key's slot. A replica on which a
call has just failed is passed over; when no other is left it is tried all the same, since it may be starting again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from weaverlab.config import Balance
from weaverlab.errors import Unreachable
from weaverlab.routing import Assignment, LeastLoaded, Member, RoundRobin, RoutingTable
from weaverlab.runtime.links import Links, Peer

Members: TypeAlias = Callable[[RoutingTable], tuple[Member, ...]]


@dataclass(frozen=True)
class _View:
    """What one table says; a value, so that a thread never sees the parts of two."""

    table: RoutingTable
    peers: tuple[Peer, ...]  # the healthy ones, or all when none is
    assignment: Assignment | None
    only: Peer | None  # where there is one: it takes every call, whatever has failed on it


class Replicas:
    """The replicas of one component. `members` finds them in a routing table."""

    def __init__(
        self,
        component: str,
        links: Links,
        members: Members,
        balance: Balance = "round_robin",
        for_control: bool = False,
    ) -> None:
        self._component = component
        self._links = links
        self._members = members
        self._for_control = for_control
        self._view = self._look()
        first = int(links.rng.random() * len(self._view.peers))
        self._in_turn = RoundRobin(first)
        self._least_loaded = LeastLoaded(first) if balance == "least_loaded" else None

    def choose(self, slot: int | None) -> Peer:
        """Return the replica that takes the next call, one with a key in `slot` or without a key (None).

        Raises:
            Unreachable: the component has no replica.
        """
        view = self._view
        if self._links.table is not view.table:
            view = self._view = self._look()
        if view.only is not None:
            return view.only
        peers = self._links.without_suspects(view.peers)
        if not peers:
            raise Unreachable(f"{self._component} has no replica")
        if len(peers) == 1:
            return peers[0]
        if slot is None or view.assignment is None:
            return self._balanced(peers)
        available = {peer.replica: peer for peer in peers}
        return available[view.assignment.owner(slot, available)]

    def _balanced(self, peers: tuple[Peer, ...]) -> Peer:
        if self._least_loaded is None:
            return peers[self._in_turn.pick(len(peers))]
        return peers[self._least_loaded.pick([peer.load for peer in peers])]

    def _look(self) -> _View:
        table = self._links.table
        members = self._members(table)
        healthy = tuple(member for member in members if member.is_healthy)
        peers = tuple(self._links.peer(member, self._for_control) for member in healthy or members)
        return _View(table, peers, table.assignments.get(self._component), peers[0] if len(peers) == 1 else None)
