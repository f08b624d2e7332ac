"""What is varied, what is measured on the way, and how it may grow. Pure: the measuring is in the module of each sweep.

Everything measured is a cost, so less is better. `power` says how it may grow with what is varied: 0 stays level, 1
grows in proportion at most, -1 falls as more share the work. Where the same was asked of the raw limit, the ratio to it
has to stay level instead, whatever both of them do. Where one caller calls at a time, all is pinned to one CPU: to wake
a process on another one costs more than a call, and sometimes twice as much, for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.plan import Mode

MIB = 1024 * 1024


@dataclass(frozen=True)
class Quantity:
    """One cost, measured at each point for one series or several that are drawn together."""

    name: str  # short, unique in its sweep; part of the rows' "case"
    title: str
    unit: str
    series: tuple[str, ...]  # the rows' "system"
    power: float = 0.0
    step: float = 1.5  # how much more than expected a point may cost than the one before it
    whole: float = 2.0  # and the last more than the first
    drawn: tuple[str, ...] = ("value",)  # or calls/s, GB/s: see `shown`
    is_log: bool = True

    def case(self, point: int) -> str:
        """Return the rows' "case" at one point."""
        return f"{self.name} at {point}"


@dataclass(frozen=True)
class Sweep:
    """One thing that is varied. `benchmarks.growth.NAME` measures it."""

    name: str
    title: str
    label: str  # what is varied, with its unit
    points: tuple[int, ...]
    quick: tuple[int, ...]
    quantities: tuple[Quantity, ...]
    mode: Mode = "free"
    is_log: bool = True  # how what is varied is drawn


def doubled(first: int, last: int, factor: int = 2) -> tuple[int, ...]:
    """Return `first` and its multiples by powers of `factor`, up to `last`."""
    points = [first]
    while points[-1] * factor <= last:
        points.append(points[-1] * factor)
    return tuple(points)


def shown(quantity: str, point: int, value: float) -> float:
    """Return a cost in µs a call the way it is drawn: calls/s, GB/s of an echo of `point` bytes, or as it is."""
    if quantity == "calls/s":
        return 1e6 / value
    return point / value / 1e3 if quantity == "GB/s" else value


SWEEPS = (
    Sweep(
        "callers",
        "Callers",
        "callers at once",
        doubled(1, 512),
        (1, 8, 64, 512),
        (Quantity("call", "tiny call, all callers together", "µs", ("threads", "tasks"), drawn=("calls/s",)),),
    ),
    Sweep(
        "replicas",
        "Replicas",
        "replicas",
        doubled(1, 16),
        (1, 4, 16),
        (
            Quantity(
                "nothing",
                "method that does nothing, 64 callers",
                "µs",
                ("threads", "tasks"),
                drawn=("calls/s",),
            ),
            Quantity(
                "sleep",
                "method that sleeps 1 ms, one at a time, 64 callers",
                "µs",
                ("threads", "tasks"),
                power=-1,
                drawn=("calls/s",),
            ),
        ),
    ),
    Sweep(
        "payload",
        "Payload",
        "bytes of the value",
        doubled(16, 64 * MIB, 4),
        (16, 4096, MIB, 16 * MIB),
        (
            Quantity("bytes", "echo of bytes", "µs", ("threads", "tasks"), power=1, drawn=("value", "GB/s")),
            Quantity("ndarray", "echo of an array", "µs", ("threads", "tasks"), power=1, drawn=("value", "GB/s")),
        ),
        mode="pinned",
    ),
    Sweep(
        "lineage",
        "Lineage",
        "dependencies carried by each call",
        (0, *doubled(1, 64)),
        (0, 1, 8, 64),
        (
            Quantity("call", "tiny call", "µs", ("threads", "tasks"), power=1, is_log=False),
            Quantity("wire", "request on the wire", "B", ("threads",), power=1, is_log=False),
        ),
        mode="pinned",
    ),
    Sweep(
        "connections",
        "Open connections",
        "idle connections",
        (1, 10, 100, 500, 1000, 2000),
        (1, 100, 500),
        (
            Quantity("call", "tiny call beside them", "µs", ("threads", "tasks"), is_log=False),
            Quantity("memory", "memory of the server (PSS)", "MB", ("threads", "tasks"), power=1, is_log=False),
            Quantity("server threads", "threads of the server", "threads", ("threads", "tasks"), power=1),
        ),
        mode="pinned",
    ),
    Sweep(
        "weavelets",
        "Weavelets",
        "weavelets of one deployment",
        doubled(1, 64),
        (1, 8, 64),
        (
            Quantity("deploy", "deploy, until all have answered", "ms", ("deployment",), power=1),
            Quantity("stop", "stop", "ms", ("deployment",), power=1),
            Quantity("memory", "memory of all (PSS)", "MB", ("deployment",), power=1),
            Quantity("call", "tiny call to one of them", "µs", ("threads",), is_log=False),
        ),
    ),
    Sweep(
        "memory",
        "Memory over time",
        "calls made",
        tuple(range(10_000, 100_001, 10_000)),
        (5_000, 10_000, 20_000),
        (
            Quantity(
                "rss",
                "memory (RSS)",
                "MB",
                ("caller, threads", "callee, threads", "caller, tasks", "callee, tasks"),
                step=1.02,
                whole=1.03,
                is_log=False,
            ),
        ),
        is_log=False,
    ),
    Sweep(
        "pressure",
        "Slow callee",
        "calls of 64 KiB that wait for it",
        doubled(1024, 8192),
        (1024, 4096),
        (Quantity("peak", "peak memory (RSS)", "MB", ("caller", "callee"), is_log=False),),
    ),
)


def quantities() -> Iterator[tuple[Sweep, Quantity]]:
    """Return every quantity with its sweep, in order."""
    return ((sweep, quantity) for sweep in SWEEPS for quantity in sweep.quantities)


def quantity(sweep: str, name: str) -> Quantity:
    """Return one quantity by its name and that of its sweep."""
    return next(found for of, found in quantities() if (of.name, found.name) == (sweep, name))
