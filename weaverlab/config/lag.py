"""`lag_ms` of an [antipode.NAME] section into one `Lag` for every link between two regions.

lag_ms = 100                                              every link, constant
lag_ms = { normal = [100, 20] }                           every link, drawn for each item
lag_ms = { "eu->us" = 100, "us->eu" = { uniform = [5, 9] } }   link by link; links not named have none
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import permutations
from typing import get_args

from weaverlab.config.values import Lag, LagKind
from weaverlab.errors import nearest

Note = Callable[[str, str], None]
_PARAMETERS = {"constant": "MS", "uniform": "[LOW, HIGH]", "normal": "[MEAN, DEVIATION]", "exponential": "MEAN"}


def read_links(value: object, regions: Sequence[str], note: Note) -> dict[tuple[str, str], Lag]:
    """Return the lag of every ordered pair of different `regions`; `note` takes (key path, fault)."""
    links = dict.fromkeys(permutations(regions, 2), Lag())
    if not isinstance(value, Mapping) or (value and set(value) <= set(_PARAMETERS)):
        return dict.fromkeys(links, _read_lag(value, "lag_ms", note))
    for key, written in value.items():
        path = f"lag_ms.{key!r}"
        link = _read_link(key, regions, path, note)
        lag = _read_lag(written, path, note) if "->" in key else None  # what is no link at all has one fault, not two
        if link and lag:
            links[link] = lag
    return links


def _read_link(key: str, regions: Sequence[str], path: str, note: Note) -> tuple[str, str] | None:
    origin, arrow, target = (part.strip() for part in key.partition("->"))
    if not (origin and arrow and target):
        hint = nearest(key, _PARAMETERS)
        note(path, f'a link is written "eu->us", and a lag of every link {_forms()}.{hint}')
        return None
    unknown = [region for region in (origin, target) if region not in regions]
    for region in unknown:
        note(path, f"{region!r} is not a region of this store.{nearest(region, regions)} It has: {', '.join(regions)}")
    if origin == target and not unknown:
        note(path, "a link joins two different regions")
        return None
    return None if unknown else (origin, target)


def _read_lag(value: object, path: str, note: Note) -> Lag:
    if _is_number(value):
        value = {"constant": value}
    if not isinstance(value, Mapping) or len(value) != 1:
        note(path, f"expected milliseconds or one of {_forms()}, saw {value!r}")
        return Lag()
    [(written, parameters)] = value.items()
    kind = next((kind for kind in get_args(LagKind) if kind == written), None)
    if kind is None:
        note(path, f"unknown distribution {written!r}.{nearest(written, _PARAMETERS)} Expected one of {_forms()}")
        return Lag()
    numbers = parameters if isinstance(parameters, list) else [parameters]
    count = 2 if "," in _PARAMETERS[kind] else 1
    if len(numbers) != count or not all(_is_number(number) and number >= 0 for number in numbers):
        note(path, f"expected {kind} = {_PARAMETERS[kind]} in milliseconds, none negative, saw {parameters!r}")
        return Lag()
    if kind == "uniform" and numbers[0] > numbers[1]:
        note(path, f"expected uniform = [LOW, HIGH] with LOW <= HIGH, saw {parameters!r}")
        return Lag()
    return Lag(kind, *(float(number) for number in numbers))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _forms() -> str:
    return ", ".join(f"{{ {kind} = {parameters} }}" for kind, parameters in _PARAMETERS.items())
