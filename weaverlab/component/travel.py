"""Which types can never cross to another process, found by looking at annotations: locks, open files, generators, ...

The types are known by the names of their modules, so that nothing is imported to recognise a socket. A class that
says itself how it is pickled (`__reduce__`, `__getstate__`) is trusted. Whether a *value* can be pickled is only known
when it is: not in here.
"""

from __future__ import annotations

import collections.abc as abc
import contextlib
import dataclasses
import enum
import functools
import inspect
import io
import types
import typing
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Generic, Literal, get_args, get_origin

from weaverlab.component.annotations import is_class, marker_of, own_annotations, resolve
from weaverlab.component.declare import is_component, is_interface

_BY_MODULE = {
    "_asyncio": "bound to an event loop",
    "_contextvars": "a context variable",
    "_csv": "a reader or writer of an open file",
    "_hashlib": "a hash that is being computed",
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
    "itertools": "an iterator",
    "mmap": "mapped memory",
    "multiprocess": "bound to processes",
    "multiprocessing": "bound to processes",
    "queue": "a queue between threads",
    "select": "a selector",
    "selectors": "a selector",
    "socket": "a socket",
    "sqlite3": "a database connection",
    "ssl": "a TLS connection",
    "tempfile": "a temporary file",
    "threading": "a lock or a thread",
    "weakref": "a weak reference",
}
_BY_NAME = {
    "http.client.HTTPConnection": "a connection",
    "http.client.HTTPResponse": "a connection",
    "logging.Handler": "a handler of log records",
    "re.Match": "a match",
    "subprocess.Popen": "a process",
    "tarfile.TarFile": "an open file",
    "weaverlab.deployers.deployment.Deployment": "a deployment",
    "zipfile.ZipFile": "an open file",
}
_BY_CLASS: dict[object, str] = {
    abc.AsyncGenerator: "a generator",
    abc.AsyncIterator: "an iterator",
    abc.Awaitable: "a coroutine",
    abc.Callable: "a function",
    abc.Coroutine: "a coroutine",
    abc.Generator: "a generator",
    abc.ItemsView: "a view of another object",
    abc.Iterator: "an iterator",
    abc.KeysView: "a view of another object",
    abc.ValuesView: "a view of another object",
    contextlib.AsyncExitStack: "a context manager",
    contextlib.ExitStack: "a context manager",
    enumerate: "an iterator",
    filter: "an iterator",
    functools.partial: "a function",
    map: "an iterator",
    memoryview: "a view of another object's memory",
    types.AsyncGeneratorType: "a generator",
    types.BuiltinFunctionType: "a function",
    types.CodeType: "code",
    types.CoroutineType: "a coroutine",
    types.FrameType: "a frame",
    types.FunctionType: "a function",
    types.GeneratorType: "a generator",
    types.MappingProxyType: "a view of another object",
    types.MethodType: "a function",
    types.ModuleType: "a module",
    types.TracebackType: "a traceback",
    typing.IO: "an open file",
    zip: "an iterator",
}
_PUBLIC_NAMES = {"_thread.allocate_lock": "threading.Lock", "_thread.lock": "threading.Lock"}
_NO_TYPES = (list, tuple, dict, set, int, float, bytes)
_TRAVELS = (enum.Enum, BaseException, io.BytesIO, io.StringIO)  # whatever module they are from


def faults_of_record(cls: type) -> list[str]:
    """Return a fault for every field of record `cls`, at any depth, whose type cannot cross to another process."""
    return list(_faults_in_fields(cls, cls.__name__, frozenset()))


def _faults_in_fields(cls: type, path: str, inside: frozenset[object]) -> Iterator[str]:
    if cls in inside or _pickles_itself(cls):
        return  # a recursive record has no more fields than it has
    inside = inside | {cls}
    for base in reversed(cls.__mro__):
        for generic in base.__dict__.get("__orig_bases__", ()):
            if get_origin(generic) is not Generic:
                for argument in get_args(generic):
                    yield from _faults(argument, base, f"{path}({_shown(generic)})", inside)
        for name, annotation in own_annotations(base).items():
            faults = list(_faults(annotation, base, f"{path}.{name}", inside))
            yield from faults or _faults_of_default(cls, name, f"{path}.{name}")


def _faults(annotation: object, owner: type, path: str, inside: frozenset[object]) -> Iterator[str]:
    try:
        meaning = resolve(annotation, owner)
    except Exception as error:
        yield f"{path}: annotation {annotation!r} is wrong: {error!r}."
        return
    origin = get_origin(meaning)
    if origin in (ClassVar, Literal, type) or isinstance(meaning, dataclasses.InitVar):  # a class travels by its name
        return
    if isinstance(meaning, _NO_TYPES) or (inspect.isroutine(meaning) and _module(meaning) == "builtins"):
        yield f"{path}: annotation {_shown(meaning)} is no type. Write one, such as list[int] or Any."
        return
    if marker_of(meaning) or is_interface(meaning) or is_component(meaning):
        yield (
            f"{path}: {_shown(meaning)} belongs to a running component and cannot be sent to another process. Declare "
            "it in the component that uses it, and send what its methods return."
        )
        return
    if what := _obstacle(origin or meaning):
        yield _cannot_be_sent(path, _shown(meaning), what)
        return
    if _is_record(origin or meaning):
        yield from _faults_in_fields(origin or meaning, path, inside)
    arguments = get_args(meaning)
    for argument in arguments[:1] if origin is Annotated else arguments:
        if argument is not ...:
            yield from _faults(argument, owner, path, inside)
    for hidden in _hidden_types(meaning):
        if id(hidden) not in inside:  # a `type` statement may mention itself
            yield from _faults(hidden, owner, path, inside | {id(hidden)})


def _hidden_types(meaning: Any) -> tuple[Any, ...]:
    """Return what a NewType, a TypeVar or a `type` statement stands for, as far as it is defined."""
    alias = get_origin(meaning) or meaning
    try:
        if isinstance(meaning, typing.TypeVar):
            return meaning.__constraints__ or ((meaning.__bound__,) if meaning.__bound__ is not None else ())
        if isinstance(meaning, typing.NewType):
            return (meaning.__supertype__,)
        return (alias.__value__,) if type(alias).__name__ == "TypeAliasType" else ()
    except NameError:  # from Python 3.12 on these are evaluated when they are asked for
        return ()


def _faults_of_default(cls: type, name: str, path: str) -> Iterator[str]:
    """Yield a fault where the type says nothing, such as Any, but the default does."""
    for field in dataclasses.fields(cls) if dataclasses.is_dataclass(cls) else ():
        for made_by in (type(field.default), field.default_factory) if field.name == name else ():
            if what := _obstacle(made_by):
                yield _cannot_be_sent(path, f"its default, made by {_shown(made_by)},", what)


def _cannot_be_sent(path: str, shown: str, what: str) -> str:
    return (
        f"{path}: {shown} is {what} and cannot be sent to another process. Keep what it is made from "
        "(a name, a path, an address) and make it where it is used."
    )


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
        if base is typing.IO:
            return _BY_CLASS[base]
        if what := _BY_NAME.get(f"{base.__module__}.{base.__qualname__}") or _BY_MODULE.get(_module(base)):
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
