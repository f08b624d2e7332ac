"""A payload that leaves a mark wherever it is unpickled."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from weaverlab.wire import Kind
from weaverlab.wire.frames import HEADER

MICROSECONDS = 5_000_000


class Bomb:
    """Makes the directory `mark` when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)

    @property
    def has_gone_off(self) -> bool:
        return self.mark.exists()

    def frame(self, kind: int = Kind.CALL, flags: int = 0, method: int = 0, call_id: int = 1) -> bytes:
        """Return a frame with the bomb as its payload."""
        payload = pickle.dumps((self,), 5)
        return HEADER.pack(len(payload), kind, flags, method, call_id, MICROSECONDS) + payload
