"""What is sent: the slices of a notebook that an application needs, as plain data.

Not in here: how it is made (`closure`) and how it is used (`install`).
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field

from weaverlab.bundle.cells import Cell


@dataclass(frozen=True)
class Run:
    """Run the statement number `statement` of cell number `cell`."""

    cell: int
    statement: int


@dataclass(frozen=True)
class Restore:
    """Bind what `data` holds: a pickled dict from names, also dotted ones (`Post.limit`), to values."""

    names: tuple[str, ...]
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Bundle:
    """The code of `__main__` that some classes need, ready to be installed in another process.

    version: hash of the definitions, and of the files of imported components: equal for equal code, whatever
             the cell, the process or the day
    names:   the global names it defines, sorted
    steps:   what to do, in order
    cells:   the whole texts that the steps take their statements from
    path:    `sys.path` of the process that built it, so that modules next to the notebook are found
    module:  `__file__` and `__package__` of a script
    """

    version: str
    names: tuple[str, ...]
    steps: tuple[Run | Restore, ...] = ()
    cells: tuple[Cell, ...] = field(default=(), repr=False)
    path: tuple[str, ...] = field(default=(), repr=False)
    module: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_bytes(self) -> bytes:
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def from_bytes(data: bytes) -> Bundle:
        """Read what `to_bytes` wrote. It is a pickle: only for bytes from a peer that has proved itself."""
        bundle = pickle.loads(data)
        assert isinstance(bundle, Bundle)
        return bundle
