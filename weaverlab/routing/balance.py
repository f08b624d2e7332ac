"""Balancers: which of several replicas is next, by their number or their load. Not in here: who is healthy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


class RoundRobin:
    """Take the replicas in turn. Safe for threads: `next` on a counter is one step of the interpreter."""

    __slots__ = ("_turn",)

    def __init__(self, first: int = 0) -> None:
        """Begin with replica `first`; callers that begin at different places do not march in step."""
        self._turn = itertools.count(first)

    def pick(self, replicas: int) -> int:
        """Return the index, from 0, of the next of `replicas` replicas. O(1)."""
        return next(self._turn) % replicas


class LeastLoaded:
    """Take the replica with the fewest calls, and those that have equally few in turn. As safe as `RoundRobin`."""

    __slots__ = ("_turn",)

    def __init__(self, first: int = 0) -> None:
        """Begin with replica `first`; callers that begin at different places do not all take the same idle one."""
        self._turn = itertools.count(first)

    def pick(self, loads: Sequence[int]) -> int:
        """Return the index of a smallest of `loads`: the calls that each replica has, as the caller knows. O(n)."""
        least = min(loads)
        idle = [index for index, load in enumerate(loads) if load == least]
        return idle[next(self._turn) % len(idle)]
