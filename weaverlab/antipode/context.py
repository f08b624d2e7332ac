"""The current request: its lineage, which calls, replies, messages and stored items carry, and its branches.

Threads begin with an empty lineage and tasks with a copy of their creator's, as context variables do; who starts
a branch joins it again with `transfer`. Not in here: deadline, trace and metadata, which the runtime keeps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar, Token
from typing import NamedTuple

from weaverlab.antipode.lineage import EMPTY, Lineage

_lineage: ContextVar[Lineage] = ContextVar("weaverlab_lineage", default=EMPTY)
begun: ContextVar[frozenset[str]] = ContextVar("weaverlab_begun", default=frozenset())  # see `antipode.branches`

# The runtime calls these two on every call, so they are the variable's own methods: no Python frame in between.
current: Callable[[], Lineage] = _lineage.get
replace: Callable[[Lineage], Token[Lineage]] = _lineage.set


def join(lineage: Lineage) -> None:
    """Make the current request depend on `lineage` too: on a reply, a message, or an item that was read."""
    if lineage:
        before = _lineage.get()
        merged = before.merge(lineage)
        if merged is not before:
            _lineage.set(merged)


def rejoin(before: Lineage, after: Lineage) -> None:
    """Go on where a copy of this context has ended that began with `before`; a barrier may have dropped some there."""
    if current() is before:
        replace(after)
    else:
        join(after)


class Outside(NamedTuple):
    """The request around another one: what it depends on, and the branches that it has begun."""

    lineage: Lineage
    begun: frozenset[str]


def enter(lineage: Lineage) -> Outside:
    """Begin a request that depends on `lineage`; return the one that was current, for `leave`."""
    outside = Outside(current(), begun.get())
    replace(lineage)
    begun.set(frozenset())
    return outside


def leave(outside: Outside) -> None:
    """End the current request, and go on with the one around it."""
    replace(outside.lineage)
    begun.set(outside.begun)


@contextlib.contextmanager
def request() -> Iterator[None]:
    """Open a root lineage: what ran before is no dependency of the block, and the block's writes end with it."""
    outside = enter(EMPTY)
    try:
        yield
    finally:
        leave(outside)


def get_lineage() -> bytes:
    """Return the current lineage as bytes, to carry where WeaverLab does not; empty bytes for an empty one."""
    return current().pack()


def transfer(lineage: bytes | Lineage) -> None:
    """Join a lineage from elsewhere (`get_lineage`, a message, another thread) into the current one.

    Raises:
        ProtocolError: the bytes are not a packed lineage.
    """
    join(lineage if isinstance(lineage, Lineage) else Lineage.unpack(lineage))
