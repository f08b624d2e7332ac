"""Which replica of a component takes a call, as one caller sees it.

Healthy replicas, in turn or the least loaded; a routed call goes to the owner of its key's slot. A replica on which a
call has just failed is passed over; when no other is left it is tried all the same, since it may be starting again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from weaverlab.errors import Unreachable
from weaverlab.routing import Assignment, Member, RoundRobin, RoutingTable
from weaverlab.runtime.links import Links, Peer

Members: TypeAlias = Callable[[RoutingTable], tuple[Member, ...]]


class Replicas:
    """The replicas of one component. `members` finds them in a routing table."""

    def __init__(self, component: str, links: Links, members: Members) -> None:
        self._component = component
        self._links = links
        self._members = members
        self._seen: RoutingTable | None = None
        self._peers: tuple[Peer, ...] = ()  # the healthy ones, or all when none is
        self._assignment: Assignment | None = None
        count = len(members(links.table))
        self._balancer = RoundRobin(int(links.rng.random() * count))

    def choose(self, slot: int | None) -> Peer:
        """Return the replica that takes the next call, one with a key in `slot` or without a key (None).

        Raises:
            Unreachable: the component has no replica.
        """
        if self._links.table is not self._seen:
            self._look_again()
        peers = self._links.without_suspects(self._peers)
        if len(peers) == 1:
            return peers[0]
        if not peers:
            raise Unreachable(f"{self._component} has no replica")
        if slot is None or self._assignment is None:
            return peers[self._balancer.pick(len(peers))]
        available = {peer.replica: peer for peer in peers}
        return available[self._assignment.owner(slot, available)]

    def _look_again(self) -> None:
        table = self._links.table
        members = self._members(table)
        healthy = tuple(member for member in members if member.is_healthy)
        self._assignment = table.assignments.get(self._component)
        self._peers = tuple(self._links.peer(member) for member in healthy or members)
        self._seen = table
