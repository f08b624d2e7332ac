r"""Branches of a request as dependencies: who begins one depends on it until it has ended, and then on what it wrote.

                      begin                                settle
    parent   -----------+-----------------------------------+--------->
                         \  depends on the branch itself   /   depends on what the branch wrote
    branch                +----- write ----- write -----+ ended

So a branch that nobody waits for is not lost. Its dependency travels with calls, replies and stored items like any
other, and a barrier, wherever it runs, first waits for the branch to end. A branch does not depend on itself, nor on
the branches that its parent has begun and not joined: they are concurrent. Not in here: what runs a branch, and who
knows whether it has ended (`stores.branches`).

Source: Antipode (Ferreira Loff et al., SOSP 2023): a request is a tree of concurrent branches. That one which is still
running is a dependency is our own answer to fire and forget, on which the paper leaves the last word to the developer.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

from weaverlab.antipode import context
from weaverlab.antipode.lineage import Dependency, Lineage

BRANCHES = "(branch)"  # what stands where other dependencies have their store


_inside: ContextVar[frozenset[str]] = ContextVar("weaverlab_branches", default=frozenset())  # those that this runs in


def begin(branch: str) -> None:
    """Depend on `branch`, a name that no other has, until it is settled."""
    context.begun.set(begun() | {branch})
    context.replace(context.current().add(_dependency(branch)))


def enter(branch: str) -> None:
    """Be `branch`, in a context that is a copy of what its parent's was before it began it."""
    context.replace(context.current().without(map(_dependency, context.begun.get())))
    context.begun.set(frozenset())
    _inside.set(_inside.get() | {branch})


def begun() -> frozenset[str]:
    """Return the branches that the current request has begun here, and that are not settled yet.

    A barrier in another thread may have settled some for us (`context.rejoin`): those are no dependency any more.
    """
    begun = context.begun.get()
    return begun.intersection(one.scope for one in context.current() if one.store == BRANCHES) if begun else begun


def waited_for() -> tuple[str, ...]:
    """Return the branches that the current lineage depends on, without those that this runs in: they end later."""
    inside = _inside.get()
    return tuple(one.scope for one in context.current() if one.store == BRANCHES and one.scope not in inside)


def settle(ended: Mapping[str, Lineage | None]) -> None:
    """Put what each of these branches wrote in the place of the branch; None where nobody knows any more."""
    context.begun.set(context.begun.get().difference(ended))
    for lineage in ended.values():
        if lineage is not None:
            context.join(lineage)
    context.replace(context.current().without(map(_dependency, ended)))  # last: a branch may have heard of itself


def _dependency(branch: str) -> Dependency:
    return Dependency(BRANCHES, branch, 1)
