"""Lineage: the writes that a request depends on, as an immutable join-semilattice.

Merging is associative, commutative and idempotent, so retries, duplicates and reordering are harmless. Only
the largest version per (store, scope) is kept. That loses nothing a barrier needs, because a scope is
a log that every replica applies in order: who has applied version 17 has applied 12.

Not in here: where the current lineage is kept (`context`), its bytes (`packing`), and waiting (`barrier`).

Source: Antipode (Ferreira Loff et al., SOSP 2023), lineages and write identifiers. The paper's write identifier
is (datastore, key, version); ours names the log instead of the key, which is what makes compaction possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from weaverlab.antipode import packing


class Dependency(NamedTuple):
    """One write: `version` is a position in the log `scope` of `store`, never the value that was written.

    For the embedded stores `scope` is the region where the write was made. Real stores shorten the long ids by which
    servers know their logs: a dependency takes 32 bytes if store and scope have 16 characters together and the version
    64 bits, or 20 and 32. A store that has only a version per row uses `table/key` as the scope.
    """

    store: str
    scope: str
    version: int

    def __str__(self) -> str:
        return f"{self.store}@{self.scope}:{self.version}"


class Lineage:
    """A set of dependencies, compacted. Immutable; every operation returns `self` when nothing changes.

    Returning the same object matters: it keeps the packed bytes, so a lineage that is carried through many
    hops is packed once, and `added_since` can answer "nothing" without looking.

    One that came over the wire (`received`) is the bytes it came as until somebody asks what is in it. Who only passes
    it on never does.
    """

    __slots__ = ("_packed", "_unpacked")  # at least one of them is there

    _unpacked: dict[tuple[str, str], int] | None
    _packed: bytes | None

    def __init__(self, dependencies: Iterable[Dependency] = ()) -> None:
        dependencies = tuple(dependencies)
        packing.check(dependencies)
        versions: dict[tuple[str, str], int] = {}
        for store, scope, version in dependencies:
            if versions.get((store, scope), -1) < version:
                versions[store, scope] = version
        self._unpacked = versions
        self._packed = None

    @staticmethod
    def empty() -> Lineage:
        """Return the lineage of a request that has done nothing yet; always the same object."""
        return EMPTY

    @staticmethod
    def unpack(data: bytes) -> Lineage:
        """Return the lineage that `pack` made these bytes from; `ProtocolError` when it cannot have."""
        if not data:
            return EMPTY
        lineage = _of(packing.unpack(data))
        lineage._packed = data
        return lineage

    @staticmethod
    def received(data: bytes) -> Lineage:
        """Return the same for bytes of an authenticated peer, having looked at their shape only, in O(1).

        `ProtocolError` when the shape is wrong. What is wrong inside raises it when the lineage is first read: by
        a write, a read or a barrier, or when another lineage is merged.
        """
        if not data:
            return EMPTY
        packing.check_shape(data)
        lineage = _of(None)
        lineage._packed = data
        return lineage

    @property
    def _versions(self) -> dict[tuple[str, str], int]:
        if self._unpacked is None:
            assert self._packed is not None
            self._unpacked = packing.unpack(self._packed)
        return self._unpacked

    def pack(self) -> bytes:
        """Return a few bytes per dependency, `b""` when empty. Computed once per object."""
        if self._packed is None:
            self._packed = packing.pack(self._versions)
        return self._packed

    def add(self, dependency: Dependency) -> Lineage:
        """Return this lineage with `dependency`; `self` when it is covered already."""
        packing.check((dependency,))
        store, scope, version = dependency
        versions = self._versions
        if versions.get((store, scope), -1) >= version:
            return self
        return _of({**versions, (store, scope): version})

    def without(self, dependencies: Iterable[Dependency]) -> Lineage:
        """Return this lineage without these, where it has no later ones: what has been waited for can be dropped."""
        versions = self._versions
        covered = {(store, scope) for store, scope, at in dependencies if versions.get((store, scope), at + 1) <= at}
        if not covered:
            return self
        rest = {log: version for log, version in versions.items() if log not in covered}
        return _of(rest) if rest else EMPTY

    def merge(self, other: Lineage) -> Lineage:
        """Return the least lineage that covers both: the join of the semilattice. O(n + m)."""
        if self._packed is not None and self._packed == other._packed:
            return self
        added = other.added_since(self)
        if not added:
            return self
        if self <= other:
            return other
        return _of({**self._versions, **added._versions})

    __or__ = merge

    def added_since(self, earlier: Lineage) -> Lineage:
        """Return what must be merged into `earlier` to cover this lineage. O(1) for the same object."""
        if earlier is self or not self:
            return EMPTY
        if not earlier:
            return self
        known, versions = earlier._versions, self._versions
        added = {scope: version for scope, version in versions.items() if known.get(scope, -1) < version}
        if len(added) == len(versions):
            return self
        return _of(added) if added else EMPTY

    def __le__(self, other: Lineage) -> bool:
        """Whether `other` covers this lineage: the order of the semilattice, which is partial."""
        return not self.added_since(other)

    def __iter__(self) -> Iterator[Dependency]:
        """Yield the dependencies sorted by store and scope."""
        return iter([Dependency(*scope, version) for scope, version in sorted(self._versions.items())])

    def __len__(self) -> int:
        return len(self._versions)

    def __bool__(self) -> bool:
        return bool(self._packed or self._unpacked)

    def __eq__(self, other: object) -> bool:
        return self._versions == other._versions if isinstance(other, Lineage) else NotImplemented

    def __hash__(self) -> int:
        return hash(frozenset(self._versions.items()))

    def __reduce__(self) -> tuple[object, ...]:
        return Lineage.unpack, (self.pack(),)

    def __repr__(self) -> str:
        return f"Lineage({', '.join(map(str, self))})"


def _of(versions: dict[tuple[str, str], int] | None) -> Lineage:
    """Return a lineage over `versions` as they are: checked and compacted, and owned by nobody else."""
    lineage = Lineage.__new__(Lineage)
    lineage._unpacked = versions
    lineage._packed = None
    return lineage


EMPTY = Lineage()
EMPTY._packed = b""
