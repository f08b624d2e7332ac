"""Annotations of a component's fields, looked up late: when an application is built, not when a cell runs.

So a cell may mention classes that a later cell defines, with or without `from __future__ import annotations`. A name
that cannot be found becomes an `Unknown`, since an author's own attributes may mention what only the type checker sees;
whether that is a fault is decided in `declaration`.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from collections.abc import Iterator
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ForwardRef, NoReturn, TypeGuard, get_args, get_origin

from weaverlab.component import registry


class Uncached:
    """Gives generic classes brackets without memory: `typing` would keep replaced classes alive in `Ref[Storage]`."""

    if not TYPE_CHECKING:

        def __class_getitem__(cls, argument):
            return GenericAlias(cls, argument)


class Unknown:
    """A name in an annotation that nothing defines; stays itself whatever the annotation does with it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Unknown:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        return Unknown(f"{self.name}.{attribute}")

    def __getitem__(self, _: object) -> Unknown:
        return self

    def __or__(self, _: object) -> Unknown:
        return self

    __ror__ = __or__

    def __call__(self) -> NoReturn:  # typing accepts only callables between its brackets
        raise TypeError(f"{self.name} is not defined")


def own_annotations(cls: type) -> dict[str, object]:
    """Return the annotations written in the body of `cls` itself, as written."""
    return inspect.get_annotations(cls)


def is_class(thing: object) -> TypeGuard[type]:
    """Return whether `thing` is a class, and not `list[int]`, which Python 3.10 takes for one."""
    return isinstance(thing, type) and get_origin(thing) is None


def resolve(annotation: object, owner: type) -> Any:
    """Return what `annotation`, written in the body of `owner`, means now; names not found become `Unknown`.

    Raises:
        Exception: whatever evaluating it raises, such as TypeError for `1[2]`.
    """
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    return eval(annotation, {}, _Names(owner))  # the author's own code, as in typing.get_type_hints


def parts(annotation: object) -> Iterator[object]:
    """Yield `annotation`, its origin, and everything between its brackets, at any depth."""
    yield annotation
    if (origin := get_origin(annotation)) is not None:
        yield origin
    for argument in get_args(annotation):
        yield from parts(argument)


def marker_of(annotation: object) -> str:
    """Return "ref", "listener" or "agent" when a field so annotated is filled by WeaverLab, else ""."""
    marker = get_origin(annotation) or annotation
    return str(getattr(marker, "__weaver_field__", ""))


def newest(cls: type) -> type:
    """Return the class of that name in the module of `cls` now: its cell may have been run again."""
    found = getattr(sys.modules.get(cls.__module__), cls.__qualname__, None)
    return found if is_class(found) else cls


def as_written(annotation: object) -> str:
    """Return `annotation` about as its author wrote it, without the modules in front of names."""
    if isinstance(annotation, Unknown):
        return annotation.name
    shown = annotation.__name__ if is_class(annotation) else str(annotation)
    return re.sub(r"[\w.<>]+\.(?=\w)", "", shown)


def visible_names(owner: type) -> set[str]:
    """Return the names of classes that an annotation in `owner` might have meant."""
    module = getattr(sys.modules.get(owner.__module__), "__dict__", {})
    return {name for name, value in module.items() if isinstance(value, type)} | {
        cls.__name__ for cls in registry.registered()
    }


class _Names(dict[str, Any]):
    """What a name in the body of `owner` means: its module's globals, then builtins, then neighbours in a function."""

    def __init__(self, owner: type) -> None:
        super().__init__(getattr(sys.modules.get(owner.__module__), "__dict__", {}))
        self._owner = owner

    def __missing__(self, name: str) -> Any:
        if name in self._owner.__dict__:
            return self._owner.__dict__[name]
        if hasattr(builtins, name):
            return getattr(builtins, name)
        scope = self._owner.__qualname__.rpartition(".")[0]
        neighbours = [
            cls
            for cls in registry.registered()
            if cls.__module__ == self._owner.__module__ and cls.__qualname__ == f"{scope}.{name}"
        ]
        return neighbours[-1] if neighbours else Unknown(name)
