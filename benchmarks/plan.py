"""Which rounds are to be run: suites, modes, systems and cases, as the command line asks.

Our own systems share a round with all raw limits; a peer has rounds of its own with the raw limits that it is compared
with, so that its threads and libraries disturb nobody.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.cases import CASES, LIMITS, OURS, PEERS, SYSTEMS
from benchmarks.peers import STANDARD
from benchmarks.system import System

Mode = Literal["pinned", "free"]
US = "WeaverLab"

# Two minutes are enough for the limits over UNIX sockets, the handles, the pool, and what the standard library has.
QUICK: tuple[System, ...] = (*LIMITS[:2], *OURS[:4], *STANDARD)

SUITES: dict[str, tuple[Mode, ...]] = {  # and where each is measured, unless one mode is asked for
    "calls": ("pinned", "free"),
    "beside": ("pinned", "free"),
    "colocated": ("free",),  # one process and one thread: there is no other CPU to wake
    "serialisation": ("free",),
    "startup": ("free",),
}


@dataclass(frozen=True)
class Job:
    """One kind of round."""

    suite: str
    mode: Mode
    group: str  # WeaverLab, or the name of a peer
    systems: tuple[str, ...]
    cases: tuple[str, ...]
    blocks: int
    block_s: float

    @property
    def is_peer(self) -> bool:
        return self.group != US

    def spec(self) -> dict[str, Any]:
        """Return what the process of the round is told: see `benchmarks.child`."""
        cpu = max(os.sched_getaffinity(0)) if self.mode == "pinned" else None
        asked = {"suite": self.suite, "cpu": cpu, "systems": self.systems, "cases": self.cases}
        return {**asked, "blocks": self.blocks, "block_s": self.block_s}


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; empty means all."""

    suites: tuple[str, ...] = ()
    mode: Mode | None = None
    cases: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    is_quick: bool = False

    def jobs(self) -> list[Job]:
        return [
            Job(suite, mode, group, systems, self._cases(), *((5, 0.004) if self.is_quick else (5, 0.02)))
            for suite in self.suites or SUITES
            for mode in self._modes(suite)
            for group, systems in (self._groups() if suite == "calls" else {US: ()}).items()
        ]

    def skipped(self) -> dict[str, str]:
        """Return which systems are left out, and why."""
        if self.suites and "calls" not in self.suites:
            return {}
        return {
            system.name: f"{system.distribution} is not installed" for system in self._wanted() if not is_here(system)
        }

    def _modes(self, suite: str) -> tuple[Mode, ...]:
        return (self.mode,) if self.mode else SUITES[suite]

    def _cases(self) -> tuple[str, ...]:
        return self.cases or tuple(case.name for case in CASES if case.is_quick or not self.is_quick)

    def _groups(self) -> dict[str, tuple[str, ...]]:
        here = [system for system in self._wanted() if is_here(system)]
        ours = tuple(system.name for system in here if system not in PEERS)
        peers: dict[str, tuple[str, ...]] = {system.name: (system.name,) for system in here if system in PEERS}
        return {US: ours, **peers} if ours else peers

    def _wanted(self) -> list[System]:
        if self.systems:
            return [system for system in SYSTEMS.values() if system.name in self.systems]
        return [*QUICK] if self.is_quick else [*SYSTEMS.values()]


def is_here(system: System) -> bool:
    """Tell whether what the system needs is installed."""
    return not system.needs or importlib.util.find_spec(system.needs) is not None
