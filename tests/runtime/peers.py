"""What the calling side is tested with: time that a test moves, and a world of one deployment's replicas."""

from __future__ import annotations

import random

from tests.transport.conftest import SECRET
from weaverlab.clock import SystemClock
from weaverlab.routing import Assignment, Member, RoutingTable
from weaverlab.runtime.links import Links


class HandClock(SystemClock):
    """Stands still until somebody sleeps; sleeping takes no time."""

    def __init__(self) -> None:
        self.time_s = 1_000.0
        self.sleeps: list[float] = []

    def now_s(self) -> float:  # type: ignore[override]
        return self.time_s

    def sleep(self, duration_s: float) -> None:  # type: ignore[override]
        self.sleeps.append(duration_s)
        self.time_s += duration_s


def member(number: int, is_healthy: bool = True) -> Member:
    return Member(f"Shop/{number}", f"unix:/nowhere/{number}", is_healthy)


def table(version: int, *members: Member, routed: bool = False) -> RoutingTable:
    """Return a table of component Shop."""
    assignments = {"Shop": Assignment.of([one.replica for one in members])} if routed else {}
    return RoutingTable(version, {"Shop": members}, assignments)


def links(*members: Member, clock: HandClock | None = None, routed: bool = False) -> Links:
    return Links(SECRET, clock or HandClock(), random.Random(1), table(1, *members, routed=routed))
