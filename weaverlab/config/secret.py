"""Settings that come from the environment and are never shown: passwords, tokens, keys.

Reading the environment is not in here: it comes in as `Config.environ`.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any, get_args

_VARIABLE = "weaverlab_secret"


def secret(variable: str, *, default: Any = dataclasses.MISSING) -> Any:
    """Declare a secret of a `WithConfig` dataclass: `password: str = secret("DB_PASSWORD")`.

    Its value is that of environment variable `variable` where the application is deployed; where that is not set, or
    empty, the key of this name in weaver.toml; else `default`. Without one it is required. It is a str, or a class
    made from one, such as int or Path. It appears in no message, repr, status or log that WeaverLab writes.
    """
    return dataclasses.field(default=default, repr=False, kw_only=True, metadata={_VARIABLE: variable})


def variable_of(declared: dataclasses.Field[Any]) -> str:
    """Return the environment variable of a field made by `secret`, or ""."""
    return str(declared.metadata.get(_VARIABLE, ""))


def secrets_inside(hints: dict[str, Any]) -> Iterator[str]:
    """Yield `Class.field` for each secret of a dataclass that a field with one of these types holds, at any depth."""
    waiting, seen = list(hints.values()), set[Any]()
    while waiting:
        cls = waiting.pop()
        waiting += get_args(cls)
        if not isinstance(cls, type) or not dataclasses.is_dataclass(cls) or cls in seen:
            continue
        seen.add(cls)
        yield from (f"{cls.__name__}.{declared.name}" for declared in dataclasses.fields(cls) if variable_of(declared))
        waiting += typing.get_type_hints(cls).values()
