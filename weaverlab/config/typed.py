"""TOML values into typed ones: plain dataclasses, nested at will, with every fault found and not only the first.

Dataclasses, lists and dicts are walked here, so that each wrong element gets its own fault; msgspec converts what is at
the leaves, strictly (`"3"` is no int). It never sees an author's dataclass, because one that it has seen can no longer
be pickled by dill. Knows nothing about what weaver.toml holds.
"""

from __future__ import annotations

import dataclasses
import enum
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

from weaverlab.config.secret import secrets_inside, variable_of
from weaverlab.errors import nearest

WRONG: Any = object()  # stands for a value that could not be converted; its fault has been noted
Note = Callable[[str, str], None]  # (key path, what is wrong with it)


def to_dataclass(
    cls: type, table: object, note: Note, path: str = "", environ: Mapping[str, str] = types.MappingProxyType({})
) -> Any:
    """Return an instance of dataclass `cls` filled from `table`, or `WRONG` after noting every fault.

    A field may be called otherwise in the file: `size: int = field(metadata={"toml": "max-size"})`. A method
    `validate()` that raises ValueError turns its message into a fault. Secrets are taken from `environ` first.
    """
    values = read_fields(cls, table, note, path, environ)
    if values is WRONG or any(value is WRONG for value in values.values()):
        return WRONG
    return _make(cls, values, note, path)


def read_fields(
    cls: type, table: object, note: Note, path: str = "", environ: Mapping[str, str] = types.MappingProxyType({})
) -> Any:
    """Return field name -> value as far as `table` says it; a key with a fault, noted, has the value `WRONG`."""
    if not isinstance(table, Mapping):
        note(path, f"expected a table (a section), saw {_shown(table)}")
        return WRONG
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except Exception as error:
        note(path, f"the fields of {cls.__name__} have annotations that cannot be evaluated: {error!r}")
        return WRONG
    fields = _fields_by_key(cls, hints, note, path)
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = _join(path, key)
        if key not in fields:
            note(where, f"unknown key.{nearest(key, fields)} Known: {', '.join(sorted(fields)) or 'none'}")
            values[key] = WRONG
        elif variable_of(fields[key]):
            values[fields[key].name] = _secret(hints[fields[key].name], value, note, where)
        else:
            values[fields[key].name] = _convert(hints[fields[key].name], value, note, where)
    for key, declared in fields.items():
        variable, where = variable_of(declared), _join(path, key)
        if text := environ.get(variable):
            values[declared.name] = _secret(hints[declared.name], text, note, where, variable)
        elif declared.name not in values and _is_required(declared):
            remedy = f". Set the environment variable {variable}" if variable else ""
            note(where, f"missing; expected {_name(hints[declared.name])}{remedy}")
            values[key] = WRONG
    return values


def _fields_by_key(cls: type, hints: dict[str, Any], note: Note, path: str) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields by their keys in the file, after noting what is wrong with the dataclass itself."""
    fields: dict[str, dataclasses.Field[Any]] = {}
    for declared in dataclasses.fields(cls):
        key = str(declared.metadata.get("toml", declared.name))
        if key in fields:
            note(_join(path, key), f"is the key of both {fields[key].name} and {declared.name} of {cls.__name__}")
        if declared.init:
            fields[key] = declared
    for inside in secrets_inside(hints):
        note(path, f"{inside} is a secret in a table inside the section. Put it into {cls.__name__} itself")
    return fields


def _make(cls: type, values: dict[str, Any], note: Note, path: str) -> Any:
    try:
        made = cls(**values)
        if callable(validate := getattr(made, "validate", None)):
            validate()
    except ValueError as error:
        note(path, str(error) or f"{cls.__name__} refused these values, and its ValueError does not say why")
        return WRONG
    except Exception as error:  # the author's code
        note(path, f"{cls.__name__} could not be made or validated: {error!r}. A value is refused by ValueError")
        return WRONG
    return made


def _secret(expected: Any, value: object, note: Note, path: str, variable: str = "") -> Any:
    """Convert what must not be shown, strictly unless it is the text of an environment variable."""
    import msgspec

    expected = _without_none(expected)
    if not _is_single(expected):
        note(path, f"a secret is a str, or a class made from one, and no {_name(expected)}")
        return WRONG
    try:
        return msgspec.convert(value, expected, strict=not variable, dec_hook=_from_value)
    except Exception:  # msgspec's own, and those of a class of the author's: they may show the value
        source = f"the environment variable {variable} holds" if variable else f"saw {type(value).__name__}"
        note(path, f"expected {_name(expected)}, but {source} something else (a secret is not shown)")
    return WRONG


def _is_single(expected: Any) -> bool:
    """Return whether the value of a field of this type can stand in one environment variable."""
    if get_origin(expected) is not None or not isinstance(expected, type) or dataclasses.is_dataclass(expected):
        return False
    return not issubclass(expected, (list, tuple, set, frozenset, dict, enum.Enum))


def _convert(expected: Any, value: object, note: Note, path: str) -> Any:
    expected = _without_none(expected)
    origin, arguments = get_origin(expected), get_args(expected)
    if isinstance(expected, type) and dataclasses.is_dataclass(expected):
        return to_dataclass(expected, value, note, path)
    if origin is Literal or (isinstance(expected, type) and issubclass(expected, enum.Enum)):
        return _choice(expected, value, note, path)
    if origin in (list, set, frozenset) and isinstance(value, list):
        return _elements(origin, arguments[0], value, note, path)
    if origin is tuple and len(arguments) == 2 and arguments[1] is ... and isinstance(value, list):
        return _elements(tuple, arguments[0], value, note, path)
    if origin is dict and arguments[0] is str and isinstance(value, dict):
        made = {key: _convert(arguments[1], item, note, _join(path, key)) for key, item in value.items()}
        return WRONG if any(item is WRONG for item in made.values()) else made
    return _leaf(expected, value, note, path)


def _elements(kind: Any, expected: Any, value: list[object], note: Note, path: str) -> Any:
    made = [_convert(expected, item, note, f"{path}[{i}]") for i, item in enumerate(value)]
    return WRONG if any(item is WRONG for item in made) else kind(made)


def _choice(expected: Any, value: object, note: Note, path: str) -> Any:
    """Convert to a Literal or an Enum; an Enum is written by the value of its member."""
    if get_origin(expected) is Literal:
        choices = {repr(choice): choice for choice in get_args(expected)}
    else:
        choices = {repr(member.value): member for member in expected}
    if repr(value) in choices:
        return choices[repr(value)]
    hint = nearest(value, [choice.strip("'") for choice in choices]) if isinstance(value, str) else ""
    note(path, f"expected one of {', '.join(choices)}, saw {_shown(value)}.{hint}")
    return WRONG


def _leaf(expected: Any, value: object, note: Note, path: str) -> Any:
    import msgspec  # here, so that a program without configuration does not pay for it

    try:
        return msgspec.convert(value, expected, dec_hook=_from_value)
    except msgspec.ValidationError as error:
        is_plain = re.fullmatch(r"Expected `[^`]*`, got `[^`]*`", str(error))  # then it says nothing new
        note(path, f"expected {_name(expected)}, saw {_shown(value)}{'' if is_plain else f' ({error})'}")
    except Exception as error:  # a class of the author's may raise anything
        note(path, f"cannot make {_name(expected)} from {_shown(value)}: {error}")
    return WRONG


def _from_value(expected: type, value: object) -> object:
    """Make a type that TOML does not have, such as Path, by calling it."""
    return expected(value)


def _without_none(expected: Any) -> Any:
    """Return X for `X | None`: TOML has no null, so None can only be a default."""
    if get_origin(expected) in (typing.Union, types.UnionType):
        others = [argument for argument in get_args(expected) if argument is not type(None)]
        if len(others) == 1:
            return others[0]
    return expected


def _is_required(declared: dataclasses.Field[Any]) -> bool:
    return declared.default is dataclasses.MISSING and declared.default_factory is dataclasses.MISSING


def _name(expected: Any) -> str:
    if get_origin(expected) is Annotated:
        expected = get_args(expected)[0]
    if isinstance(expected, type) and not get_args(expected):
        return expected.__name__
    if get_origin(expected) is tuple and get_args(expected)[1:] == (...,):
        expected = types.GenericAlias(list, get_args(expected)[:1])  # as TOML has it
    return str(expected).replace("typing.", "")


def _shown(value: object) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
