"""Balancers: given how many replicas there are, which one is next. Not in here: who is healthy."""

from __future__ import annotations

import itertools


class RoundRobin:
    """Take the replicas in turn. Safe for threads: `next` on a counter is one step of the interpreter."""

    __slots__ = ("_turn",)

    def __init__(self, first: int = 0) -> None:
        """Begin with replica `first`; callers that begin at different places do not march in step."""
        self._turn = itertools.count(first)

    def pick(self, replicas: int) -> int:
        """Return the index, from 0, of the next of `replicas` replicas. O(1)."""
        return next(self._turn) % replicas
