"""Checkpoints: what a barrier at some place of the code would have waited for, counted where nobody waits.

A checkpoint is passed by every request and looked at once in a while, so its figures are those of a sample. Not in
here: the looking (`stores.datastores`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

LOOK_EVERY_S = 0.1  # per checkpoint and replica: ten questions a second, however many requests pass


@dataclass(frozen=True)
class CheckpointCounts:
    """What was seen at checkpoint `name` of `component`, in all replicas that were merged.

    Of `passed` requests `looked` were looked at (another `failed` could not be). `missing` of those lacked something,
    in one of `stores`, at most `behind_max` positions of a log. A branch that runs counts as the store "(branch)".
    """

    component: str
    name: str
    passed: int = 0
    looked: int = 0
    failed: int = 0
    missing: int = 0
    behind_max: int = 0
    stores: tuple[str, ...] = ()

    def __add__(self, other: CheckpointCounts) -> CheckpointCounts:
        return CheckpointCounts(
            self.component,
            self.name,
            self.passed + other.passed,
            self.looked + other.looked,
            self.failed + other.failed,
            self.missing + other.missing,
            max(self.behind_max, other.behind_max),
            tuple(sorted({*self.stores, *other.stores})),
        )

    @property
    def missing_share(self) -> float | None:
        """The share of requests for which a barrier would have waited; None when none was looked at."""
        return self.missing / self.looked if self.looked else None


class Checkpoint:
    """One checkpoint in one replica. Counted in single steps of the interpreter, so without a lock."""

    def __init__(self, component: str, name: str) -> None:
        self._component = component
        self._name = name
        self._looks_s = float("-inf")  # when it may be looked at again
        self._passed = self._looked = self._failed = self._missing = self._behind_max = 0
        self._stores: set[str] = set()

    def is_due(self, now_s: float) -> bool:
        """Count one more request; return whether to look at it."""
        self._passed += 1
        if now_s < self._looks_s:
            return False
        self._looks_s = now_s + LOOK_EVERY_S
        return True

    def saw(self, behind: Mapping[str, int]) -> None:
        """Count a look that found these stores behind, by so many positions; none when a barrier would have passed."""
        self._looked += 1
        self._missing += bool(behind)
        self._behind_max = max([self._behind_max, *behind.values()])
        self._stores.update(behind)

    def failed(self) -> None:
        """Count a look that a store did not answer."""
        self._failed += 1

    def snapshot(self) -> CheckpointCounts:
        counts = (self._passed, self._looked, self._failed, self._missing, self._behind_max)
        return CheckpointCounts(self._component, self._name, *counts, tuple(sorted(self._stores)))


class Checkpoints:
    """The checkpoints of one weavelet, by component and name."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Checkpoint] = {}

    def at(self, component: str, name: str) -> Checkpoint:
        """Return the checkpoint of this name, always the same."""
        found = self._made.get((component, name))
        return found or self._made.setdefault((component, name), Checkpoint(component, name))

    def snapshot(self) -> tuple[CheckpointCounts, ...]:
        return tuple(one.snapshot() for one in list(self._made.values()))


def merge_checkpoints(counts: Iterable[CheckpointCounts]) -> tuple[CheckpointCounts, ...]:
    """Return one for each checkpoint, whatever replicas it was counted in, sorted."""
    merged: dict[tuple[str, str], CheckpointCounts] = {}
    for one in counts:
        key = one.component, one.name
        merged[key] = merged[key] + one if key in merged else one
    return tuple(merged[key] for key in sorted(merged))
