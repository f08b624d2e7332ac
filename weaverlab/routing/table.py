"""Who serves which component now: what a deployer tells every weavelet, again whenever it changes.

A table is a value: it is replaced as a whole, never changed. Not in here: how it comes about (see `deployers`), and
what one process knows before the deployer does, such as a connection that has just been refused (see `runtime.links`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from weaverlab.routing.assignment import Assignment


@dataclass(frozen=True)
class Member:
    """One replica of a component. `load` is how many calls it was executing when it was last asked."""

    replica: str
    address: str
    is_healthy: bool = True
    load: int = 0


@dataclass(frozen=True)
class RoutingTable:
    """The members of every component, and the assignments of those with a router, by the component's name.

    Of two tables, the one with the higher version is right.
    """

    version: int = 0
    members: dict[str, tuple[Member, ...]] = field(default_factory=dict)
    assignments: dict[str, Assignment] = field(default_factory=dict)

    def addresses(self) -> frozenset[str]:
        """Return the addresses of all members of all components."""
        return frozenset(member.address for members in self.members.values() for member in members)

    def healthy(self) -> frozenset[str]:
        """Return the addresses of all healthy members."""
        return frozenset(one.address for members in self.members.values() for one in members if one.is_healthy)

    def given_up(self) -> frozenset[str]:
        """Return the addresses of unhealthy members that have a healthy one beside them: nobody need wait for these."""
        return frozenset(
            member.address
            for members in self.members.values()
            if any(member.is_healthy for member in members)
            for member in members
            if not member.is_healthy
        )
