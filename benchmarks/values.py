"""What is sent: six values from a tiny string to 16 MiB, the same for every system."""

from __future__ import annotations

import pickle
from typing import Any

import numpy

KIB = 1024
MIB = 1024 * KIB
ITEMS = 200  # of a stream, each of them the value that was sent

RECORD: dict[str, Any] = {  # ten fields, 1 KiB as a pickle
    "id": "post-000017",
    "author": "ann",
    "title": "What arrived first",
    "text": "x" * 640,
    "tags": ["causality", "lineage", "course"],
    "likes": 1_500,
    "score": 0.75,
    "created_s": 1_760_000_000.25,
    "is_public": True,
    "replies": list(range(30_000, 30_060)),
}

VALUES: dict[str, object] = {
    "tiny": "hello",
    "record": RECORD,
    "chunk": bytes(64 * KIB),
    "ndarray": numpy.arange(MIB // 8, dtype=float),
    "bytes": bytes(MIB),
    "large": numpy.arange(16 * MIB // 8, dtype=float),
}


def size_bytes(value: object) -> int:
    """Return how much data a value holds: that of an array or of `bytes`, else the length of its pickle."""
    if isinstance(value, numpy.ndarray):
        return value.nbytes
    return len(value) if isinstance(value, bytes) else len(pickle.dumps(value, 5))
