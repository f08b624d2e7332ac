"""Dependencies to bytes and back: what a lineage is on the wire and beside a stored item.

    +---------+------------------------------+---------------------------------------------+
    | FORMAT  | n, then n names              | m, then m dependencies, sorted              |
    | 1 byte  | each: length, UTF-8          | each: index of store, index of scope, version |
    +---------+------------------------------+---------------------------------------------+

Every number is a LEB128 varint (seven bits a byte, lowest first). Store and scope names are written once, so
`posts@eu:17` costs 15 bytes alone and 3 more with each further dependency on names already there. Nothing is
`b""`. A peer's bytes are checked before they are believed: garbage is a ProtocolError, never a huge
allocation. Written by hand rather than with msgspec, whose import costs more than this ever will. What
a dependency means is not in here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weaverlab.errors import ProtocolError

FORMAT = 1
MAX_PACKED_BYTES = 65_536  # about 20,000 compacted dependencies: far beyond any deployment, still a small frame
MAX_VERSION = 2**64 - 1  # a MongoDB cluster time needs all 64 bits
_VARINT_BYTES_MAX = 10

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
    for store, scope in sorted(versions):
        numbers += names.setdefault(store, len(names)), names.setdefault(scope, len(names)), versions[store, scope]
    out = bytearray([FORMAT])
    _put(out, len(names))
    for name in names:
        encoded = name.encode()
        _put(out, len(encoded))
        out += encoded
    _put(out, len(versions))
    for number in numbers:
        _put(out, number)
    if len(out) > MAX_PACKED_BYTES:
        raise ProtocolError(
            f"a lineage of {len(versions)} dependencies packs to {len(out)} bytes; the limit is {MAX_PACKED_BYTES}. "
            f"Open a fresh root with request(), or use fewer scopes."
        )
    return bytes(out)


def unpack(data: bytes) -> dict[tuple[str, str], int]:
    """Return `{(store, scope): version}` from the packed form; the inverse of `pack`.

    Raises:
        ProtocolError: anything but the output of `pack`: too long, cut short, continued, or not ours.
    """
    if not data:
        return {}
    if len(data) > MAX_PACKED_BYTES:
        raise ProtocolError(f"a lineage of {len(data)} bytes; the limit is {MAX_PACKED_BYTES}.")
    if data[0] != FORMAT:
        raise ProtocolError(f"a lineage in format {data[0]}; this version of WeaverLab reads format {FORMAT}.")
    try:
        return _unpack_checked(data)
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        raise ProtocolError(f"a malformed lineage of {len(data)} bytes: {error}") from error


def _unpack_checked(data: bytes) -> dict[tuple[str, str], int]:
    count, at = _get(data, 1)
    names: list[str] = []
    for _ in range(count):  # a false count ends at the first name beyond the data
        length, at = _get(data, at)
        if at + length > len(data):
            raise ValueError("it ends inside a name")
        names.append(data[at : at + length].decode())
        at += length
    count, at = _get(data, at)
    versions: dict[tuple[str, str], int] = {}
    for _ in range(count):
        store, at = _get(data, at)
        scope, at = _get(data, at)
        versions[names[store], names[scope]], at = _get(data, at)
    if len(versions) != count or not count:
        raise ValueError("it repeats a dependency, or has none")
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes follow its end")
    return versions


def _put(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _get(data: bytes, at: int) -> tuple[int, int]:
    """Return the varint that begins at `at`, and where the next thing begins."""
    byte = data[at]
    if byte < 0x80:  # nearly all of them
        return byte, at + 1
    number = 0
    for shift in range(0, 7 * _VARINT_BYTES_MAX, 7):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number > MAX_VERSION:
                break
            return number, at
    raise ValueError("a number above 64 bits")


def check(dependencies: Iterable[tuple[str, str, int]]) -> None:
    """Raise ValueError for a dependency that could not be packed, where it is made rather than where it is sent."""
    for store, scope, version in dependencies:
        seen = f"dependency ({store!r}, {scope!r}, {version!r})"
        if not (store and isinstance(store, str) and isinstance(scope, str)):
            raise ValueError(f"{seen}: expected store and scope as str, and a store that is not empty.")
        if not (isinstance(version, int) and 0 <= version <= MAX_VERSION):
            raise ValueError(f"{seen}: expected a version from 0 to 2**64 - 1.")
