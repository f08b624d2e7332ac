"""Which interfaces and components are defined right now: how `Ref[Interface]` finds its implementation.

Classes are held weakly and by module and qualified name, so that running a notebook cell again *replaces* the
definition instead of adding a second one, and a class nobody uses any more is gone. Classes made inside a function
are different classes on every call and never replace each other. What a class declares is not looked at in here.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

_Key = tuple[str, str, int]
_known: WeakValueDictionary[_Key, type] = WeakValueDictionary()


def register(cls: type) -> None:
    """Remember `cls` as the newest definition of its name."""
    _known[_key(cls)] = cls


def registered() -> tuple[type, ...]:
    """Return every interface and component that is defined now."""
    return tuple(_known.values())


def current(cls: type) -> type:
    """Return the newest definition of the class that `cls` is, or was before its cell was run again."""
    return _known.get(_key(cls), cls)


def is_same(one: type, other: type) -> bool:
    """Return whether both are the same class, perhaps before and after its cell was run again."""
    return _key(one) == _key(other)


def _key(cls: type) -> _Key:
    return cls.__module__, cls.__qualname__, id(cls) if "<locals>" in cls.__qualname__ else 0
