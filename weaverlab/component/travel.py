"""Which types can never cross to another process, found by looking at annotations: locks, open files, generators, ...

The types are known by the module that defines them, so that nothing is imported to recognise a socket. A class that
says itself how it is pickled (`__reduce__`, `__getstate__`) is trusted. Whether a *value* can be pickled is only known
when it is: not in here.
"""

from __future__ import annotations

import collections.abc as abc
import dataclasses
import enum
import inspect
import io
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from weaverlab.component.annotations import is_class, own_annotations, resolve

_BY_MODULE = {
    "_asyncio": "bound to an event loop",
    "_contextvars": "a context variable",
    "_io": "an open file",
    "_socket": "a socket",
    "_sqlite3": "a database connection",
    "_ssl": "a TLS connection",
    "_thread": "a lock",
    "_weakref": "a weak reference",
    "asyncio": "bound to an event loop",
    "concurrent": "bound to threads or processes",
    "contextvars": "a context variable",
    "io": "an open file",
    "mmap": "mapped memory",
    "multiprocessing": "bound to processes",
    "queue": "a queue between threads",
    "selectors": "a selector",
    "socket": "a socket",
    "sqlite3": "a database connection",
    "ssl": "a TLS connection",
    "threading": "a lock or a thread",
    "weakref": "a weak reference",
}
_BY_CLASS: dict[object, str] = {
    abc.AsyncGenerator: "a generator",
    abc.AsyncIterator: "an iterator",
    abc.Awaitable: "a coroutine",
    abc.Callable: "a function",
    abc.Coroutine: "a coroutine",
    abc.Generator: "a generator",
    abc.Iterator: "an iterator",
    memoryview: "a view of another object's memory",
    types.AsyncGeneratorType: "a generator",
    types.BuiltinFunctionType: "a function",
    types.CodeType: "code",
    types.CoroutineType: "a coroutine",
    types.FrameType: "a frame",
    types.FunctionType: "a function",
    types.GeneratorType: "a generator",
    types.MethodType: "a function",
    types.ModuleType: "a module",
    types.TracebackType: "a traceback",
    typing.IO: "an open file",
}
_PUBLIC_NAMES = {"_thread.allocate_lock": "threading.Lock", "_thread.lock": "threading.Lock"}
_TRAVELS = (enum.Enum, BaseException, io.BytesIO, io.StringIO)  # whatever module they are from


def faults_of_record(cls: type) -> list[str]:
    """Return a fault for every field of record `cls`, at any depth, whose type cannot cross to another process."""
    return list(_faults_in_fields(cls, cls.__name__, frozenset()))


def _faults_in_fields(cls: type, path: str, inside: frozenset[object]) -> Iterator[str]:
    if cls in inside or _pickles_itself(cls):
        return  # a recursive record has no more fields than it has
    for base in reversed(cls.__mro__):
        for name, annotation in own_annotations(base).items():
            yield from _faults(annotation, base, f"{path}.{name}", inside | {cls})


def _faults(annotation: object, owner: type, path: str, inside: frozenset[object]) -> Iterator[str]:
    try:
        meaning = resolve(annotation, owner)
    except Exception as error:
        yield f"{path}: annotation {annotation!r} is wrong: {error!r}."
        return
    origin = get_origin(meaning)
    if origin in (ClassVar, Literal) or isinstance(meaning, dataclasses.InitVar):
        return
    if what := _obstacle(origin or meaning):
        yield (
            f"{path}: {_shown(meaning)} is {what} and cannot be sent to another process. Keep what it is made from "
            "(a name, a path, an address) and make it where it is used."
        )
        return
    if _is_record(origin or meaning):
        yield from _faults_in_fields(origin or meaning, path, inside)
    arguments = get_args(meaning)
    for argument in arguments[:1] if origin is Annotated else arguments:
        if argument is not ...:
            yield from _faults(argument, owner, path, inside)


def _obstacle(thing: Any) -> str:
    """Return what kind of unsendable thing a value of this type is, or ""."""
    if inspect.isroutine(thing):  # `threading.Lock` is a function before Python 3.13
        return _BY_MODULE.get(_module(thing), "")
    if thing in _BY_CLASS:  # exactly: a class of the author's that derives from Iterator may well be sent
        return _BY_CLASS[thing]
    if not is_class(thing) or issubclass(thing, _TRAVELS):
        return ""
    for base in thing.__mro__:
        if _says_how(base):
            return ""
        if what := _BY_CLASS[base] if base is typing.IO else _BY_MODULE.get(_module(base)):
            return what
    return ""


def _is_record(thing: Any) -> bool:
    is_tuple = isinstance(thing, type) and issubclass(thing, tuple) and hasattr(thing, "_fields")
    return isinstance(thing, type) and (dataclasses.is_dataclass(thing) or is_tuple or typing.is_typeddict(thing))


def _pickles_itself(cls: type) -> bool:
    return any(_says_how(base) for base in cls.__mro__)


def _says_how(cls: type) -> bool:
    """Return whether the author of `cls` wrote how it is pickled; dataclass(slots=True) writes that too, for nobody."""
    if cls is object or _module(cls) in _BY_MODULE:
        return False
    written = (vars(cls)[name] for name in ("__reduce__", "__reduce_ex__", "__getstate__") if name in vars(cls))
    return any(getattr(method, "__module__", "") != "dataclasses" for method in written)


def _module(thing: Any) -> str:
    return (thing.__module__ or "").partition(".")[0]


def _shown(annotation: Any) -> str:
    if is_class(annotation) or inspect.isroutine(annotation):
        name = f"{annotation.__module__}.{annotation.__qualname__}"
        return _PUBLIC_NAMES.get(name, name).removeprefix("builtins.").removeprefix("_")
    return str(annotation).replace("typing.", "")
