"""Values of the notebook as bytes, for globals that must not be made again by running their statement.

What a value refers to is not copied: a global, a class or a function of `__main__` inside it is written as its
name, so both processes keep one of each. An unheld lock arrives as a new unheld lock. Whatever belongs to this
process alone (files, sockets, threads, ...) raises `Unshippable`. The C pickler is tried first, then dill for
closures and the like. Not in here: which globals travel this way (`closure`).
"""

from __future__ import annotations

import functools
import io
import pickle
import sys
import threading
import warnings
from collections.abc import Collection, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from weaverlab.bundle.names import reads_of_code

# Types whose objects live and die with their process, by the name of the class that says so.
_OF_THIS_PROCESS = {
    "_io._IOBase": "an open file",
    "_socket.socket": "an open socket",
    "builtins.generator": "a generator",
    "builtins.coroutine": "a coroutine",
    "builtins.async_generator": "an async generator",
    "builtins.frame": "a stack frame",
    "builtins.traceback": "a traceback",
    "threading.Thread": "a thread",
    "sqlite3.Connection": "a database connection",
    "sqlite3.Cursor": "a database cursor",
    "subprocess.Popen": "a child process",
    "multiprocessing.process.BaseProcess": "a child process",
    "multiprocess.process.BaseProcess": "a child process",
    "concurrent.futures._base.Executor": "a pool of workers",
    "concurrent.futures._base.Future": "a future",
    "_asyncio.Future": "a future of an event loop",
    "_asyncio.Task": "a task of an event loop",
    "asyncio.events.AbstractEventLoop": "an event loop",
    "mmap.mmap": "a memory map",
    "traitlets.traitlets.HasTraits": "a widget or another object of the notebook front end",
}
_IN_MEMORY = (io.StringIO, io.BytesIO)
_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_LOCK_MAKERS = {"lock": threading.Lock, "rlock": threading.RLock, "local": threading.local}
_TYPING_OBJECTS = ("TypeVar", "ParamSpec", "TypeVarTuple", "NewType", "TypeAliasType")
_CACHE: type = type(functools.lru_cache(len))
# Objects too small to have an identity worth keeping; checked first, since most objects are these.
PLAIN = frozenset(
    {str, int, float, complex, bool, bytes, tuple, frozenset, type(None), type(...), type(NotImplemented)}
)


class Unshippable(Exception):
    """This object cannot leave its process.

    `what` is a noun phrase such as `an open file`; `inside` says that the global only holds such a thing;
    `may_be_built_again` that another process may have one of its own, if its statement is harmless.
    """

    def __init__(self, what: str, *, inside: bool, may_be_built_again: bool) -> None:
        super().__init__(what)
        self.what = what
        self.inside = inside
        self.may_be_built_again = may_be_built_again


class Snapshot:
    """The pickled form of some globals, with the names of the other globals that it refers to."""

    def __init__(self, names: Collection[str], data: bytes, needs: Mapping[str, str], sets: Collection[str]) -> None:
        self.names = tuple(names)
        self.data = data
        self.needs = dict(needs)
        self.sets = set(sets)


class References:
    """Knows which objects of a namespace are written as a name instead of by value."""

    def __init__(self, namespace: dict[str, Any], names: Collection[str]) -> None:
        self.namespace = namespace
        self.module = namespace.get("__name__", "__main__")
        self._name_of: dict[int, str] = {}
        for name in names:
            if type(namespace[name]) not in PLAIN:
                self._name_of.setdefault(id(namespace[name]), name)

    def name_of(self, value: object) -> str | None:
        """Return the global name of `value`: the first one it was bound to."""
        return self._name_of.get(id(value))

    def attribute_path(self, value: Any) -> str | None:
        """Return `Outer.Inner` for a class or function that is reached through a global class."""
        first, *rest = getattr(value, "__qualname__", value.__name__).split(".")
        found = self.namespace.get(first)
        for part in rest:
            found = getattr(found, part, None)
        return ".".join((first, *rest)) if found is value else None


def pickles_by_name(value: object) -> bool:
    """Tell whether pickle writes only a name for `value`, which says nothing where that name is to be made."""
    is_typing = type(value).__module__ in ("typing", "typing_extensions") and type(value).__name__ in _TYPING_OBJECTS
    return is_typing or isinstance(value, (type, _CACHE))


def snapshot(values: Mapping[str, object], references: References) -> Snapshot:
    """Pickle `values`, the globals of one statement, together.

    Raises:
        Unshippable: with what stands in the way, the first that is found.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # iterators can be pickled up to Python 3.13, which warns of 3.14
        try:
            return _Writing(values, references).with_pickle()
        except Unshippable:
            raise
        except Exception:
            pass  # dill may know how, and says so better if it does not
        try:
            return _Writing(values, references).with_dill()
        except Unshippable:
            raise
        except Exception as error:
            kind = " and ".join(type(value).__qualname__ for value in values.values())
            what = f"a {kind} that cannot be pickled ({error})"
            raise Unshippable(what, inside=False, may_be_built_again=True) from error


def restore(data: bytes, namespace: dict[str, Any]) -> dict[str, object]:
    """Return the globals that `snapshot` wrote, with references resolved in `namespace`."""
    restored: dict[str, object] = _Reader(io.BytesIO(data), namespace).load()
    return restored


@functools.lru_cache
def _of_this_process(bases: tuple[type, ...]) -> str:
    """Return what to call an object of a class with these bases, if it must stay here, else nothing."""
    names = (f"{base.__module__}.{base.__qualname__}" for base in bases)
    return next((_OF_THIS_PROCESS[name] for name in names if name in _OF_THIS_PROCESS), "")


class _Writing:
    """One attempt; holds what the two picklers share."""

    def __init__(self, values: Mapping[str, object], references: References) -> None:
        self.values = dict(values)
        self.references = references
        self.needs: dict[str, str] = {}
        self.sets: set[str] = set()
        self.roots = {id(value) for value in values.values()}
        self.buffer = io.BytesIO()
        self.uses_dill = False

    def with_pickle(self) -> Snapshot:
        writing = self

        class Pickler(pickle.Pickler):
            def persistent_id(self, value: Any) -> object:
                return writing.reference(value)

        Pickler(self.buffer, pickle.HIGHEST_PROTOCOL).dump(self.values)
        return Snapshot(self.values, self.buffer.getvalue(), self.needs, self.sets)

    def with_dill(self) -> Snapshot:
        import dill  # 50 ms, and most notebooks never need it

        self.uses_dill = True
        writing = self

        class Pickler(dill.Pickler):  # type: ignore[misc]
            def persistent_id(self, value: Any) -> object:
                return writing.reference(value)

        Pickler(self.buffer, pickle.HIGHEST_PROTOCOL).dump(self.values)
        return Snapshot(self.values, self.buffer.getvalue(), self.needs, self.sets)

    def reference(self, value: Any) -> tuple[str, object] | None:
        """Return what is written for `value` instead of its content, or None for its content."""
        kind = type(value)
        if kind in PLAIN or value is self.values:
            return None
        if value is self.references.namespace:
            return ("namespace", None)
        name = self.references.name_of(value)
        if name is not None and name not in self.values:
            self._need(name, "")
            return ("name", name)
        if issubclass(kind, FunctionType) or pickles_by_name(value):
            return self._definition(value)
        if issubclass(kind, ModuleType):
            return ("module", value.__name__)
        if kind in _LOCKS:
            return self._lock(value)
        if kind is threading.local:
            return ("local", id(value))
        self._refuse_what_is_of_this_process(value)
        return None

    def _definition(self, value: Any) -> tuple[str, object] | None:
        if getattr(value, "__module__", None) != self.references.module:
            return None  # importable: pickle writes its name
        path = self.references.attribute_path(value)
        if path is not None and path.partition(".")[0] not in self.values:
            self._need(path.partition(".")[0], "")
            return ("name", path)
        if not isinstance(value, (type, FunctionType)):
            what = f"a {type(value).__name__} whose source is not known"
            raise Unshippable(what, inside=id(value) not in self.roots, may_be_built_again=True)
        if not self.uses_dill:
            raise pickle.PicklingError("pickle would write the very name that is to be made")
        if isinstance(value, FunctionType) and value.__globals__ is self.references.namespace:
            reads = reads_of_code(value.__code__, "")  # it travels as code, and reads globals when called
            self.sets |= reads.sets
            for name in reads.later:
                self._need(name, value.__name__)
        return None

    def _lock(self, lock: Any) -> tuple[str, object]:
        is_mine = getattr(lock, "_is_owned", bool)()
        if is_mine or not lock.acquire(blocking=False):
            raise Unshippable("a lock that is held", inside=id(lock) not in self.roots, may_be_built_again=False)
        lock.release()
        return ("lock" if type(lock) is _LOCKS[0] else "rlock", id(lock))

    def _refuse_what_is_of_this_process(self, value: Any) -> None:
        if isinstance(value, (BuiltinFunctionType, *_IN_MEMORY)):
            return
        if what := _of_this_process(type(value).__mro__):
            inside = id(value) not in self.roots
            raise Unshippable(what, inside=inside, may_be_built_again=inside)

    def _need(self, name: str, reader: str) -> None:
        self.needs.setdefault(name, reader)


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, namespace: dict[str, Any]) -> None:
        super().__init__(file)
        self._namespace = namespace
        self._made: dict[object, object] = {}  # one new lock for each old one, however often it is referred to

    def persistent_load(self, reference: Any) -> Any:
        kind, what = reference
        if kind == "namespace":
            return self._namespace
        if kind == "name":
            first, *rest = what.split(".")
            found = self._namespace[first]
            for part in rest:
                found = getattr(found, part)
            return found
        if kind == "module":
            __import__(what)
            return sys.modules[what]
        return self._made.setdefault(what, _LOCK_MAKERS[kind]())
