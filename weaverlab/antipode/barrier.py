"""The decision of a barrier: what to wait for, and what to say about it afterwards.

`plan` turns a lineage into waits per store; the shell waits; `conclude` turns the positions that were reached into
a report. Versions compare with `>=`, so a key that was overwritten meanwhile does not block anybody. Not in
here: the waiting itself, and time.

Source: Antipode (Ferreira Loff et al., SOSP 2023), the barrier operation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, NamedTuple

from weaverlab.antipode.branches import BRANCHES
from weaverlab.antipode.lineage import Dependency
from weaverlab.config import NO_FAULTS, BarrierFaults

TIMEOUT_S = 10.0  # a third of the default deadline of a call: a barrier that fails leaves time to answer

OnTimeout = Literal["raise", "report"]
Mode = Literal["enforce", "dry_run", "off"]
MODES: tuple[Mode, ...] = ("enforce", "dry_run", "off")

_block: ContextVar[tuple[Mode, BarrierFaults] | None] = ContextVar("weaverlab_barriers", default=None)


@contextlib.contextmanager
def barriers(mode: Mode, faults: BarrierFaults = NO_FAULTS) -> Iterator[None]:
    """Let every barrier in this block wait (`enforce`), only report (`dry_run`), or do nothing (`off`).

    In a lab, with `faults` (see `antipode.faults`), which every report names. It applies to this context; for a
    component in another process it is what the deployment says, or a block of its own.
    """
    if mode not in MODES:
        raise ValueError(f"barriers({mode!r}): expected one of {', '.join(map(repr, MODES))}.")
    faults.validate()
    token = _block.set((mode, faults))
    try:
        yield
    finally:
        _block.reset(token)


def block() -> tuple[Mode, BarrierFaults] | None:
    """Return mode and faults of the enclosing `with barriers(...)`, or None when the deployment's own apply."""
    return _block.get()


class Plan(NamedTuple):
    """What a barrier has to do: the dependencies to wait for, by store, and the stores it leaves out."""

    waits: Mapping[str, tuple[Dependency, ...]]
    skipped: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def plan(lineage: Iterable[Dependency], known: Collection[str], wanted: Collection[str] | None = None) -> Plan:
    """Group a lineage by store and say which of its stores this barrier waits for.

    Args:
        lineage: the current one; its order decides the order of the report. Branches are left to `branches`.
        known: stores that have a replica where the barrier runs.
        wanted: wait for these only; None for all that are known.

    Returns:
        `skipped` names stores that are known but not wanted. `unknown` names stores that cannot be read here at
        all, so there is nothing to wait for; both are reported rather than passed over in silence.
    """
    by_store: dict[str, list[Dependency]] = {}
    for dependency in (one for one in lineage if one.store != BRANCHES):
        by_store.setdefault(dependency.store, []).append(dependency)
    here = [store for store in by_store if store in known]
    return Plan(
        waits={store: tuple(by_store[store]) for store in here if wanted is None or store in wanted},
        skipped=tuple(store for store in here if wanted is not None and store not in wanted),
        unknown=tuple(store for store in by_store if store not in known),
    )


class Missing(NamedTuple):
    """A dependency that was not visible when the barrier ended; `applied` is how far its log had come."""

    dependency: Dependency
    applied: int

    @property
    def behind(self) -> int:
        """How many positions the replica still has to apply; an upper bound, since origins share the counter."""
        return self.dependency.version - self.applied

    def __str__(self) -> str:
        how_far = f"{self.behind} behind" if self.behind > 0 else "later, but not equal"
        return f"{self.dependency} missing (applied {self.applied}, {how_far})"


class StoreReport(NamedTuple):
    """What one store's part in a barrier was."""

    store: str
    dependencies: tuple[Dependency, ...]
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, repr=False)
class BarrierReport:
    """How a barrier went: it waited `waited_s` for `stores`, and left out `skipped` and `unknown` ones.

    `running` are branches that had not ended, so that nobody knows what to wait for; `gone` those whose process has
    ended, or that have themselves long ago: what they wrote is not known either, but nothing more will come. `injected`
    says what this barrier did wrong because it was told to; empty outside of labs.
    """

    region: str
    mode: Mode
    waited_s: float = 0.0
    stores: tuple[StoreReport, ...] = ()
    skipped: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    injected: tuple[str, ...] = ()

    @property
    def dry_run(self) -> bool:
        return self.mode == "dry_run"

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        return tuple(dependency for store in self.stores for dependency in store.dependencies)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What is not visible here; after a dry run, what an enforcing barrier would have waited for."""
        return tuple(missing for store in self.stores for missing in store.missing)

    @property
    def is_complete(self) -> bool:
        """Whether everything this barrier looked at is visible; never true of a barrier that is off."""
        return self.mode != "off" and not self.missing and not self.running

    def __str__(self) -> str:
        lacking = (*map(str, self.missing), *(f"branch {one} has not ended" for one in self.running))
        what = "; ".join(lacking) or ", ".join(map(str, self.dependencies)) or "nothing to wait for"
        barrier = f"barrier in {self.region}" if self.region else "barrier"
        if self.mode == "off":
            head = f"{barrier}: off"
        elif self.dry_run:
            head = f"{barrier}, dry run: {what if lacking else f'all visible: {what}'}"
        elif lacking:
            head = f"{barrier} gave up after {self.waited_s:.3g} s: {what}"
        else:
            head = f"{barrier} waited {self.waited_s * 1000:.1f} ms: {what}"
        notes = (
            ("skipped", self.skipped),
            ("not stored here", self.unknown),
            ("branches gone", self.gone),
            ("FAULTS INJECTED", self.injected),
        )
        return head + "".join(f"; {note}: {', '.join(names)}" for note, names in notes if names)

    def __repr__(self) -> str:
        return f"<{self}>"


def conclude(
    plan: Plan,
    positions: Mapping[Dependency, int],
    *,
    region: str,
    mode: Mode,
    waited_s: float,
    running: tuple[str, ...] = (),
    gone: tuple[str, ...] = (),
    injected: tuple[str, ...] = (),
    needs_equality: bool = False,
) -> BarrierReport:
    """Compare what was planned with the position that each dependency's log has reached here.

    With `needs_equality`, a fault, a log that has gone further does not do.
    """

    def is_missing(one: Dependency) -> bool:
        return positions[one] != one.version if needs_equality else positions[one] < one.version

    return BarrierReport(
        region=region,
        mode=mode,
        waited_s=waited_s,
        stores=tuple(
            StoreReport(
                store,
                dependencies,
                tuple(Missing(one, positions[one]) for one in dependencies if is_missing(one)),
            )
            for store, dependencies in plan.waits.items()
        ),
        skipped=plan.skipped,
        unknown=plan.unknown,
        running=running,
        gone=gone,
        injected=injected,
    )
