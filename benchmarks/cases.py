"""Which calls are measured, in which systems, and against which limit."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import ours, peers
from benchmarks.raw import Raw
from benchmarks.system import AsyncSystem, System
from benchmarks.values import ITEMS

RAW = "raw"
OUT_OF_BAND = "raw out of band"


@dataclass(frozen=True)
class Case:
    """One kind of call. Its `base` is what it is compared with: a raw system, in `base_case` or in this case."""

    name: str
    value: str  # in VALUES
    callers: int = 1  # threads, or tasks of an async system
    method: str = "echo"
    base: str = RAW
    base_case: str = ""
    is_quick: bool = True  # measured by `make bench-quick`

    @property
    def items(self) -> int:
        """Return what a call brings and its time is divided by: one value, or the items of a stream."""
        return ITEMS if self.method == "stream" else 1

    def takes(self, system: System) -> bool:
        """Tell whether the system can make such calls. More than 32 callers are for tasks only."""
        if self.callers > 32 and not isinstance(system, AsyncSystem):
            return False
        if self.callers > 1 and not system.has_many_callers:
            return False
        return self.value in system.carries and self.method in system.methods


CASES = (  # a base case stands before those that are compared with it
    Case("tiny", "tiny"),
    Case("1 KiB record", "record"),
    Case("1 MiB ndarray", "ndarray", base=OUT_OF_BAND),
    Case("1 MiB bytes", "bytes", base=OUT_OF_BAND),
    Case("1 MiB one way", "ndarray", method="size", base=OUT_OF_BAND),
    Case("16 MiB ndarray", "large", base=OUT_OF_BAND, is_quick=False),
    Case("16 MiB one way", "large", method="size", base=OUT_OF_BAND, is_quick=False),
    Case("32 callers", "tiny", callers=32),
    Case("512 callers", "tiny", callers=512, base_case="32 callers"),
    Case("stream of tiny items", "tiny", method="stream", is_quick=False),
    Case("stream of 64 KiB bytes", "chunk", method="stream", base=OUT_OF_BAND, is_quick=False),
)

LIMITS: tuple[System, ...] = (
    Raw(RAW),
    Raw(OUT_OF_BAND, out_of_band=True),
    Raw("raw TCP", is_tcp=True),
    Raw("raw TCP out of band", is_tcp=True, out_of_band=True),
)
OURS: tuple[System, ...] = (
    ours.BlockingHandle("handle"),
    ours.AwaitedHandle("handle, asyncio"),
    ours.AwaitedHandle("handle, uvloop", uses_uvloop=True),
    ours.BarePool("pool"),
    ours.BareChannel("channel, asyncio"),
    ours.BareChannel("channel, uvloop", uses_uvloop=True),
)
BASES = (RAW, OUT_OF_BAND)  # measured in every round, since ratios are within a round
PEERS = (*peers.STANDARD, *peers.INSTALLED)
SYSTEMS = {system.name: system for system in (*LIMITS, *OURS, *PEERS)}
