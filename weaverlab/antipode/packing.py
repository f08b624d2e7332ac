"""Dependencies to bytes and back: what a lineage is on the wire and beside a stored item.

    +--------+--------+---------+---------------------+---------------------+------------------------+
    | FORMAT | widths | count   | for each dependency | for each dependency | the names, each with a |
    | 1 byte | 1 byte | 2 bytes | two places of names | a version           | zero byte behind it    |
    +--------+--------+---------+---------------------+---------------------+------------------------+

`widths` says in its upper half how many bytes a place has (1 or 2), in its lower half how many a version has (1, 2, 4
or 8): 0x14 is one and four. The places are those of store and scope among the names. All is little-endian. Columns
of one width are read by a few calls into C: 0.2 us a dependency, where numbers of any length took 0.8. Each name is
written once, so `posts@eu:17` costs 16 bytes, and a dependency on names already there 3 to 12. Nothing is `b""`.

A peer's bytes are checked before they are believed, in two steps: `check_shape` looks at header and length when
they arrive, `unpack` at all the rest when somebody reads them. Either way garbage is a ProtocolError, never a huge
allocation. Written by hand rather than with msgspec, whose import costs more than this ever will. What a dependency
means is not in here.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable, Mapping

from weaverlab.errors import ProtocolError

FORMAT = 2
MAX_PACKED_BYTES = 65_536  # over 3,000 compacted dependencies: far beyond any deployment, still a small frame
MAX_VERSION = 2**64 - 1  # a MongoDB cluster time needs all 64 bits

_HEAD = struct.Struct("<BBH")
_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}  # what `struct` calls a number of so many bytes
_END = "\0"  # of a name

Versions = Mapping[tuple[str, str], int]


def pack(versions: Versions) -> bytes:
    """Return the packed form of `{(store, scope): version}`; `b""` when it is empty. O(n log n).

    Raises:
        ProtocolError: the result is above MAX_PACKED_BYTES, so a peer would refuse it.
    """
    if not versions:
        return b""
    names: dict[str, int] = {}
    numbers: list[int] = []
    logs = sorted(versions)
    for store, scope in logs:
        numbers += names.setdefault(store, len(names)), names.setdefault(scope, len(names))
    numbers += map(versions.__getitem__, logs)
    encoded = "".join(name + _END for name in names).encode()
    places, width = _narrowest(len(names) - 1), _narrowest(max(versions.values()))
    packed_bytes = _HEAD.size + len(logs) * (2 * places + width) + len(encoded)
    if packed_bytes > MAX_PACKED_BYTES:
        raise ProtocolError(
            f"a lineage of {len(logs)} dependencies packs to {packed_bytes} bytes; the limit is {MAX_PACKED_BYTES}. "
            f"Open a fresh root with request(), or use fewer scopes."
        )
    head = _HEAD.pack(FORMAT, places << 4 | width, len(logs))
    return head + _columns(len(logs), places, width).pack(*numbers) + encoded


def check_shape(data: bytes) -> None:
    """Raise ProtocolError for bytes that cannot be a lineage, by their header, length and last byte. O(1)."""
    if data:
        _read_shape(data)


def unpack(data: bytes) -> dict[tuple[str, str], int]:
    """Return `{(store, scope): version}` from the packed form; the inverse of `pack`.

    Raises:
        ProtocolError: anything but the output of `pack`: too long, cut short, continued, or not ours.
    """
    if not data:
        return {}
    count, columns = _read_shape(data)
    numbers = columns.unpack_from(data, _HEAD.size)
    places, column = numbers[: 2 * count], numbers[2 * count :]
    try:
        names = data[_HEAD.size + columns.size : -1].decode().split(_END)
        named = [names[place] for place in places]
    except (IndexError, UnicodeDecodeError) as error:
        raise _malformed(data, str(error)) from error
    stores, scopes = named[::2], named[1::2]
    versions = dict(zip(zip(stores, scopes, strict=True), column, strict=True))
    if len(versions) != count:
        raise _malformed(data, "it repeats a dependency")
    if "" in stores or max(places) != len(names) - 1:
        raise _malformed(data, "a store without a name, or a name without a dependency")
    return versions


def check(dependencies: Iterable[tuple[str, str, int]]) -> None:
    """Raise ValueError for a dependency that could not be packed, where it is made rather than where it is sent."""
    for store, scope, version in dependencies:
        seen = f"dependency ({store!r}, {scope!r}, {version!r})"
        if not (store and isinstance(store, str) and isinstance(scope, str)):
            raise ValueError(f"{seen}: expected store and scope as str, and a store that is not empty.")
        if _END in store or _END in scope:
            raise ValueError(f"{seen}: expected names without a zero character.")
        if not (isinstance(version, int) and 0 <= version <= MAX_VERSION):
            raise ValueError(f"{seen}: expected a version from 0 to 2**64 - 1.")


def _read_shape(data: bytes) -> tuple[int, struct.Struct]:
    """Return how many dependencies there are, and the columns behind the header."""
    if len(data) > MAX_PACKED_BYTES:
        raise ProtocolError(f"a lineage of {len(data)} bytes; the limit is {MAX_PACKED_BYTES}.")
    if data[0] != FORMAT:
        raise _other_format(data[0])
    if len(data) < _HEAD.size:
        raise _malformed(data, "it ends inside its header")
    _, widths, count = _HEAD.unpack_from(data)
    places, width = widths >> 4, widths & 0xF
    if not count or places not in (1, 2) or width not in _LETTERS:
        raise _malformed(data, f"{count} dependencies in columns of widths {widths:#04x}")
    columns = _columns(count, places, width)
    if len(data) < _HEAD.size + columns.size + 2 or data[-1]:
        raise _malformed(data, "it ends before its last name does")
    return count, columns


@functools.lru_cache(maxsize=128)  # making one takes longer than to use it
def _columns(count: int, places: int, width: int) -> struct.Struct:
    return struct.Struct(f"<{2 * count}{_LETTERS[places]}{count}{_LETTERS[width]}")


def _narrowest(number: int) -> int:
    """Return how many bytes a column of numbers up to this one takes."""
    return 1 if number < 1 << 8 else 2 if number < 1 << 16 else 4 if number < 1 << 32 else 8


def _malformed(data: bytes, why: str) -> ProtocolError:
    return ProtocolError(f"a malformed lineage of {len(data)} bytes: {why}")


def _other_format(found: int) -> ProtocolError:
    seen = f"a lineage in format {found}; this version of WeaverLab reads format {FORMAT}."
    if found > FORMAT:
        return ProtocolError(f"{seen} It comes from a newer one: install that here too, or write the item anew.")
    return ProtocolError(f"{seen} It comes from an older one: deploy that process anew, or write the item anew.")
