"""From a key to its slot, equal in every process and every run; Python's own `hash` of a string is neither.

Not in here: which keys a router may return, and that all its keys are of one type (see `component.router`). So 1 and
1.0, which are equal, need not share a slot: they are never keys of the same router.
"""

from __future__ import annotations

import struct
from hashlib import blake2b

from weaverlab.routing.assignment import SLOTS
from weaverlab.types import Key, KeyPart

_DOUBLE = struct.Struct("<d")
_LENGTH = struct.Struct("<I")


def slot_of(key: Key) -> int:
    """Return the slot of `key`, from 0 to SLOTS - 1. Equal keys of one type have equal slots; so do all NaNs.

    Source of the hash: BLAKE2 (RFC 7693), whose outputs are spread evenly whatever the keys have in common. About a
    microsecond.
    """
    data = b"t" + b"".join(map(_part, key)) if isinstance(key, tuple) else _bytes(key)
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little") % SLOTS


def _part(value: KeyPart) -> bytes:
    """Return `value` as bytes that say where they end, so that ("ab", "c") is not ("a", "bc")."""
    data = _bytes(value)
    return _LENGTH.pack(len(data)) + data


def _bytes(value: KeyPart) -> bytes:
    """Return a letter for the type of `value`, then what equal values of this type have in common."""
    if isinstance(value, str):
        return b"s" + value.encode("utf-8", "surrogatepass")
    if isinstance(value, int):
        return b"i" + value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    if value != value:
        return b"f"  # NaN, which has many representations
    return b"f" + _DOUBLE.pack(value + 0.0)  # -0.0 + 0.0 is 0.0, which it is equal to
