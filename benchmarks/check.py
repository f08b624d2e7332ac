"""Has anything become slower? Ratios are compared with a stored baseline, never times. Pure.

A figure has regressed when its median ratio is above the baseline's by more than the tolerance *and* the middle halves
of the two do not touch: either alone happens by chance on a busy machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.cases import LIMITS, PEERS
from benchmarks.summary import Figure, Key, Spread

# Whose speed is not ours to answer for. Nor is a 99th percentile stable enough to be compared.
OTHERS = {
    *(system.name for system in (*LIMITS, *PEERS)),
    "pickle 5",
    "dill by value",
    "plain method",
    "plain coroutine",
}
TOLERANCE = 0.25  # differences under about 20 % mean nothing on a shared machine


@dataclass
class Comparison:
    """What became of the figures of a baseline; `regressed` and `not_measured` are in words."""

    compared: int = 0
    regressed: list[str] = field(default_factory=list)
    not_measured: list[str] = field(default_factory=list)

    @property
    def is_ok(self) -> bool:
        """Nothing has regressed, and there was something that could have."""
        return not self.regressed and self.compared > 0


def baseline(figures: Mapping[Key, Figure], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored: our own ratios, and how they were measured."""
    return {"manifest": dict(manifest), "ratios": {name: one._asdict() for name, one in _ratios(figures).items()}}


def compare(
    figures: Mapping[Key, Figure], stored: Mapping[str, Mapping[str, float]], tolerance: float = TOLERANCE
) -> Comparison:
    """Hold `figures` against the ratios of a baseline."""
    found = _ratios(figures)
    result = Comparison()
    for name, before in stored.items():
        now = found.get(name)
        if now is None:
            result.not_measured.append(name)
            continue
        result.compared += 1
        if now.median > before["median"] * (1 + tolerance) and now.q1 > before["q3"]:
            result.regressed.append(
                f"{name}: {now.median:.2f} x its limit ({now.q1:.2f} to {now.q3:.2f}), "
                f"the baseline has {before['median']:.2f} ({before['q1']:.2f} to {before['q3']:.2f})"
            )
    return result


def _ratios(figures: Mapping[Key, Figure]) -> dict[str, Spread]:
    """Return the ratios that are compared: of time, and of CPU time where it is known, by what they are of."""
    found = {}
    for key, figure in figures.items():
        if key.system in OTHERS or "p99" in key.case:
            continue
        if figure.ratio:
            found[str(key)] = figure.ratio
        if figure.cpu_ratio:
            found[f"{key}, CPU"] = figure.cpu_ratio
    return found
