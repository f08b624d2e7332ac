"""Faults that a lab puts into barriers on purpose, so that students see what each rule of a barrier buys.

    drop             a dependency is lost on the way: nobody waits for it
    wrong_replica    the replica that is asked is the one where the write was made: it has it, and the reader's may not
    equality         a version is compared with == instead of >=: a log that has gone on is waited for until the timeout

Which dependencies are hit follows from the seed and from the dependency alone: the same in every process, whatever
runs at the same time. Every report says which faults were put in, so nobody takes one for a bug. Not in here: waiting.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from weaverlab.antipode.barrier import Plan
from weaverlab.antipode.lineage import Dependency
from weaverlab.config import NO_FAULTS, BarrierFaults


class Injected(NamedTuple):
    """A plan with faults: `assumed` are dependencies that are taken for visible, `notes` say what was done to it."""

    plan: Plan
    assumed: frozenset[Dependency] = frozenset()
    notes: tuple[str, ...] = ()


def inject(plan: Plan, faults: BarrierFaults) -> Injected:
    """Return what a barrier with these faults does instead of `plan`."""
    if faults == NO_FAULTS:
        return Injected(plan)
    everything = [one for dependencies in plan.waits.values() for one in dependencies]
    dropped = {one for one in everything if _hits(faults.drop, "drop", faults.seed, one)}
    assumed = {one for one in everything if _hits(faults.wrong_replica, "wrong_replica", faults.seed, one)} - dropped
    kept = {store: tuple(one for one in ones if one not in dropped) for store, ones in plan.waits.items()}
    notes = [f"dropped {one}" for one in everything if one in dropped]
    notes += [f"asked where it was written for {one}" for one in everything if one in assumed]
    notes += ["compared with =="] if faults.equality else []
    return Injected(plan._replace(waits=kept), frozenset(assumed), tuple(notes))


def _hits(share: float, fault: str, seed: int, dependency: Dependency) -> bool:
    """Return whether this dependency is among the share of all that the fault hits."""
    drawn = hashlib.blake2b(f"{seed} {fault} {dependency}".encode(), digest_size=4).digest()
    return int.from_bytes(drawn, "little") < share * 2**32
