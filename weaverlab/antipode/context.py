"""The current lineage: one context variable that calls, replies, messages and stored items flow through.

Threads begin with an empty lineage and tasks with a copy of their creator's, as context variables do; who starts
a branch joins it again with `transfer`. Not in here: deadline, trace and metadata, which the runtime keeps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar, Token

from weaverlab.antipode.lineage import EMPTY, Lineage

_lineage: ContextVar[Lineage] = ContextVar("weaverlab_lineage", default=EMPTY)

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


@contextlib.contextmanager
def request() -> Iterator[None]:
    """Open a root lineage: what ran before is no dependency of the block, and the block's writes end with it."""
    before = current()
    replace(EMPTY)
    try:
        yield
    finally:
        replace(before)


def get_lineage() -> bytes:
    """Return the current lineage as bytes, to carry where WeaverLab does not; empty bytes for an empty one."""
    return current().pack()


def transfer(lineage: bytes | Lineage) -> None:
    """Join a lineage from elsewhere (`get_lineage`, a message, another thread) into the current one.

    Raises:
        ProtocolError: the bytes are not a packed lineage.
    """
    join(lineage if isinstance(lineage, Lineage) else Lineage.unpack(lineage))
