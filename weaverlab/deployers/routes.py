"""From what is known about replicas to the routing table that everybody calls by. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from weaverlab.routing import Assignment, Member, RoutingTable

Members = Mapping[str, tuple[Member, ...]]


def first_table(members: Members, routed: Collection[str]) -> RoutingTable:
    """Return the table with which weavelets start; the components `routed` have a router."""
    names = {component: _names(members[component]) for component in routed}
    return RoutingTable(0, dict(members), {component: Assignment.of(replicas) for component, replicas in names.items()})


def next_table(table: RoutingTable, members: Members) -> RoutingTable:
    """Return the table after `table`, or that one where nothing has changed.

    Keys move only when replicas come or go. A replica that is not healthy keeps its own: others stand in for it.
    """
    if members == table.members:
        return table
    return RoutingTable(
        table.version + 1,
        dict(members),
        {component: _kept(old, members[component]) for component, old in table.assignments.items()},
    )


def _kept(assignment: Assignment, members: tuple[Member, ...]) -> Assignment:
    names = _names(members)
    return assignment if names == set(assignment.replicas) else assignment.rebalanced(names)


def _names(members: tuple[Member, ...]) -> set[str]:
    return {member.replica for member in members}
