"""The type that a router's keys have: read from its return annotation, and applied to what it returns.

Not in here: routers themselves (see `router`), and where a key leads (see `weaverlab.routing`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args, get_origin

from weaverlab.component import registry
from weaverlab.component.annotations import (
    Unknown,
    as_written,
    is_class,
    newest,
    own_annotations,
    resolve,
    visible_names,
)
from weaverlab.errors import nearest
from weaverlab.types import Key, KeyPart

_PARTS: tuple[type, ...] = (int, float, str)


@dataclass(frozen=True)
class KeyType:
    """int, float or str; or a flat record of these: a tuple, a NamedTuple or a dataclass."""

    cls: type
    parts: tuple[type, ...] = ()  # of a record
    fields: tuple[str, ...] = ()  # the names of its parts, unless it is a plain tuple

    def __str__(self) -> str:
        if self.cls is tuple:
            return f"tuple[{', '.join(part.__name__ for part in self.parts)}]"
        return self.cls.__name__

    def key(self, value: object) -> Key:
        """Return `value` as declared: a whole number as a float where a float is declared, a record as a tuple.

        Raises:
            TypeError: `value` is of another type; the message goes on from "it returned ...".
            AttributeError: it lacks a field of its class.
            OverflowError: a whole number is too large for a float.
        """
        if not self.parts:
            return _part(value, self.cls, "which")
        values = self._values(value)
        return tuple([_part(values[place], cls, f"whose {self._path(place)}") for place, cls in enumerate(self.parts)])

    def _path(self, place: int) -> str:
        return _path(self.fields[place] if self.fields else "", place)

    def _values(self, value: Any) -> Sequence[object]:
        if issubclass(self.cls, tuple):
            if not isinstance(value, tuple):
                raise TypeError(_is_a("which", value))
            if len(value) != len(self.parts):
                raise TypeError(f"which has {len(value)} parts, not {len(self.parts)}")
            return value
        if not isinstance(value, self.cls) and not registry.is_same(type(value), self.cls):
            raise TypeError(_is_a("which", value))
        return [getattr(value, name) for name in self.fields]


@dataclass
class Faults:
    """What is wrong with a router: for certain, or unless a later cell defines the names that are not found."""

    certain: list[str] = field(default_factory=list)
    undefined: list[str] = field(default_factory=list)


def read_key_type(annotation: object, owner: type, where: str, faults: Faults) -> KeyType | None:
    """Return the type that `annotation` of method `where`, in the body of `owner`, means; None if that is a fault."""
    meaning = _meaning(annotation, owner, f"{where}: its key", faults)
    if isinstance(meaning, Unknown):
        return None
    if meaning in _PARTS:
        return KeyType(meaning)
    written = _written_parts(meaning, owner)
    if not written:
        faults.certain.append(
            f"{where}: its key is {as_written(meaning)}, but a key is an int, float or str, or a tuple, NamedTuple or "
            "dataclass of these whose parts have types, such as tuple[str, int]."
        )
        return None
    parts = [
        _read_part(part, base, f"{where}: {_path(name, place)}", faults)
        for place, (name, part, base) in enumerate(written)
    ]
    if None in parts:
        return None
    fields = tuple(name for name, _, _ in written if name)
    return KeyType(get_origin(meaning) or meaning, tuple(filter(None, parts)), fields)


def _read_part(annotation: object, owner: type, what: str, faults: Faults) -> type | None:
    meaning = _meaning(annotation, owner, what, faults)
    if isinstance(meaning, Unknown):
        return None
    if meaning in _PARTS:
        return cast(type, meaning)
    faults.certain.append(f"{what} is {as_written(meaning)}, but the parts of a key are int, float or str.")
    return None


def _meaning(annotation: object, owner: type, what: str, faults: Faults) -> Any:
    """Return what `annotation` means now, or an `Unknown` when it is among `faults`."""
    try:
        meaning = resolve(annotation, owner)
    except Exception as error:
        faults.certain.append(f"{what}: annotation {annotation!r} is wrong: {error!r}.")
        return Unknown(str(annotation))
    if isinstance(meaning, Unknown):
        known = visible_names(owner) | {part.__name__ for part in _PARTS}
        faults.undefined.append(f"{what} is {meaning.name}, which is not defined.{nearest(meaning.name, known)}")
    return newest(meaning) if is_class(meaning) else meaning


def _written_parts(meaning: Any, owner: type) -> list[tuple[str, object, type]]:
    """Return name (if it has one), annotation and home of each part of a record; nothing when it is not a record."""
    if get_origin(meaning) is tuple:
        return [] if ... in get_args(meaning) else [("", part, owner) for part in get_args(meaning)]
    if not is_class(meaning):
        return []
    if dataclasses.is_dataclass(meaning):  # fields that do not compare may differ in equal keys
        names = [found.name for found in dataclasses.fields(meaning) if found.compare]
    else:
        names = list(getattr(meaning, "_fields", ())) if issubclass(meaning, tuple) else []
    return [(name, *_annotation(meaning, name)) for name in names]


def _annotation(record: type, name: str) -> tuple[object, type]:
    homes = [base for base in record.__mro__ if name in own_annotations(base)]
    return (own_annotations(homes[0])[name], homes[0]) if homes else (Any, record)


def _path(name: str, place: int) -> str:
    """Return how a part of a key is reached in Python."""
    return f"key.{name}" if name else f"key[{place}]"


def _part(value: Any, cls: type, which: str) -> KeyPart:
    if isinstance(value, cls):
        return cast(KeyPart, value)
    if cls is float and isinstance(value, int):
        return float(value)
    raise TypeError(_is_a(which, value))


def _is_a(which: str, value: object) -> str:
    return f"{which} is of type {type(value).__name__}"
