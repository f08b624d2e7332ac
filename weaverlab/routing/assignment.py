"""Which replica owns which keys: a fixed number of slots, each owned by one replica.

A key belongs to a slot for ever (`keys.slot_of`), a slot to a replica as long as nobody comes or goes; Redis Cluster
does the same. A replica that is dead but expected back keeps its slots: meanwhile others stand in for it. Not in here:
who is healthy, and which replicas there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

# Shares differ by one slot at most, which is within 5 % of each other's as long as a replica has 20 slots: up to 204
# replicas. An assignment is sent to every weavelet (9 kB), so more slots would not be free.
SLOTS = 4096


@dataclass(frozen=True)
class Assignment:
    """Every slot's owner. Make the first with `of`, the next ones with `rebalanced`."""

    replicas: tuple[str, ...]  # sorted
    owners: tuple[str, ...] = field(repr=False)  # by slot

    @classmethod
    def of(cls, replicas: Collection[str]) -> Assignment:
        """Return an assignment to `replicas`, in whatever order they are named, that knows of no earlier one."""
        names = _sorted(replicas)
        return cls(names, tuple(names[slot % len(names)] for slot in range(SLOTS)))

    def rebalanced(self, replicas: Collection[str]) -> Assignment:
        """Return an assignment to `replicas` with shares that differ by one slot at most, moving as few as possible.

        When one replica comes, only the slots that it gets move; when one goes, only the slots that it had.
        O(slots + replicas log replicas), about a millisecond.
        """
        names = _sorted(replicas)
        room = _shares(names, Counter(self.owners))
        owners = list(self.owners)
        homeless = []
        for slot, owner in enumerate(owners):
            if room.get(owner, 0):
                room[owner] -= 1
            else:
                homeless.append(slot)
        takers = [name for name in names for _ in range(room[name])]
        for slot, taker in zip(homeless, takers, strict=True):
            owners[slot] = taker
        return Assignment(names, tuple(owners))

    def owner(self, slot: int, healthy: Collection[str]) -> str:
        """Return the replica that takes the calls of `slot`: its owner, or while that is not healthy, a stand-in.

        The stand-in is the same in every process and stays the same until itself is not healthy. The slots of one owner
        have stand-ins in equal numbers. If nobody is healthy it is the owner. O(1) for a healthy owner, if `healthy`
        is a set; else O(replicas).
        """
        owner = self.owners[slot]
        return owner if owner in healthy else self._stand_in(slot, healthy)

    def _stand_in(self, slot: int, healthy: Collection[str]) -> str:
        """Go through the other replicas in an order of this slot's own until one is healthy.

        Where the order begins, and which way it goes on, are the digits of the slot's rank among its owner's slots.
        """
        others = [replica for replica in self.replicas if replica != self.owners[slot]]
        rank = self._ranks[slot]
        while others:
            rank, choice = divmod(rank, len(others))
            stand_in = others.pop(choice)
            if stand_in in healthy:
                return stand_in
        return self.owners[slot]

    @cached_property
    def _ranks(self) -> tuple[int, ...]:
        """For each slot, how many slots before it have the same owner."""
        seen: Counter[str] = Counter()
        ranks = []
        for owner in self.owners:
            ranks.append(seen[owner])
            seen[owner] += 1
        return tuple(ranks)

    def __reduce__(self) -> tuple[object, ...]:
        return Assignment, (self.replicas, self.owners)  # ranks are found out anew where they are needed


def _sorted(replicas: Collection[str]) -> tuple[str, ...]:
    if not replicas:
        raise ValueError("an assignment needs at least one replica, but there is none")
    return tuple(sorted(set(replicas)))


def _shares(names: tuple[str, ...], held: Counter[str]) -> dict[str, int]:
    """Return how many slots each replica gets; those that hold most now get the odd ones, so that fewer move."""
    share, odd = divmod(SLOTS, len(names))
    by_holding = sorted(names, key=lambda name: -held[name])
    return {name: share + (place < odd) for place, name in enumerate(by_holding)}
