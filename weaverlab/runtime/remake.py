"""One exception as bytes, and made again from them: class, arguments and attributes.

Pickle makes an exception again by calling its class with `args`, which goes wrong wherever `__init__` takes something
else than it passes on:

    class OutOfStock(Exception):
        def __init__(self, item: str, left: int) -> None:
            super().__init__(f"only {left} of {item}")  # and this text is all there is in args

So no `__init__` written in Python is called here: the built-in class below makes the object, which gets its attributes
back as they were. A `__reduce__`, `__getstate__` or `__setstate__` of the class's own is respected, unless it fails.

A value that cannot travel (a lock, a socket) stays behind, and a `LeftBehind` stands in its place: that `except
OutOfStock` works is worth more than one attribute. Not in here: cause, context, notes and traceback.
"""

from __future__ import annotations

import io
import pickle
import reprlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

# Where Python keeps the notes of an exception. 3.10 has none, so what it is to show is kept apart from a `__notes__`
# that some package (exceptiongroup, IPython) may look for.
NOTES = "__notes__" if sys.version_info >= (3, 11) else "__remote_notes__"
_REPR = reprlib.Repr()
_REPR.maxother = _REPR.maxstring = 200


@dataclass(frozen=True)
class LeftBehind:
    """Stands in an exception for a value that could not travel; reads as that value did."""

    text: str

    def __repr__(self) -> str:
        return self.text


class Dump:
    """`data` is `error` as bytes; empty if it cannot be sent, and `why_not` says why.

    `number` is asked for a number that represents another exception inside this one, such as a member of a group.
    Whatever the exception's own code raises meanwhile stays in here, SystemExit too.
    """

    def __init__(self, error: Exception, bytes_max: int, number: Callable[[BaseException], int]) -> None:
        self.left_behind: list[str] = []  # where in the exception something is missing: "args[0]", ".lock"
        self.why_not = ""
        self._error = error
        self._bytes_left = bytes_max
        self._number = number
        self._numbered: dict[int, BaseException] = {}
        self.data = self._packed()

    def _packed(self) -> bytes:
        cls = type(self._error)
        try:
            pickle.dumps(cls)
        except Exception as fault:
            self.why_not = f"{fault}. Define it at the top level of a module or of a notebook's cell."
            return b""
        if (_is_own(cls, "__reduce__") or _is_own(cls, "__reduce_ex__")) and (data := self._whole(self._error)):
            return data
        try:
            args, state = _contents(self._error)
            return self._whole((cls, args), state) or self._without_what_cannot_travel(cls, args, state)
        except BaseException as fault:
            self.why_not = f"{_described(fault)}"
            return b""

    def _whole(self, *values: object) -> bytes:
        """Pickle all of it; return nothing if that does not work."""
        try:
            data = self._checked(*values)
        except BaseException:
            return b""
        return data if len(data) <= self._bytes_left else b""

    def _without_what_cannot_travel(self, cls: type, args: tuple[Any, ...], state: Any) -> bytes:
        args = tuple([self._or_left_behind(value, f"args[{n}]") for n, value in enumerate(args)])
        state = tuple(map(self._attributes, state)) if isinstance(state, tuple) else self._attributes(state)
        return self._checked((cls, args), state)

    def _attributes(self, state: Any) -> Any:
        if not isinstance(state, dict):
            return state
        return {name: self._or_left_behind(value, f".{name}") for name, value in state.items()}

    def _checked(self, *values: object) -> bytes:
        """Pickle, and see whether it can be made again."""
        data = self._pickled(*values)
        made = load(data, self._numbered.__getitem__)
        if type(made) is not type(self._error):
            raise TypeError(f"what is made of it is of type {_name(made)}")
        return data

    def _or_left_behind(self, value: object, where: str) -> object:
        try:
            data = self._pickled(value)
            _Unpickler(data, self._numbered.__getitem__).load()
        except BaseException:
            text = _described(value)
        else:
            if len(data) <= self._bytes_left:
                self._bytes_left -= len(data)
                return value
            text = f"<{_name(value)} of {len(data):,} bytes>"
        self.left_behind.append(where)
        return LeftBehind(text)

    def _pickled(self, *values: object) -> bytes:
        file = io.BytesIO()
        pickler = _Pickler(file, self._error if values[0] is self._error else None, self._numbered_as)
        for value in values:
            pickler.dump(value)
        return file.getvalue()

    def _numbered_as(self, other: BaseException) -> int:
        number = self._number(other)
        self._numbered[number] = other
        return number


def load(
    data: bytes,
    find: Callable[[int], BaseException],
    begun: Callable[[BaseException], object] = lambda error: None,
) -> Any:
    """Return the exception. `begun` gets it before its attributes are there: they may refer to it again.

    It runs code of the exception's class, so the data must be of an authenticated peer.

    Raises:
        Exception: its class cannot be found in this process, for example.
    """
    unpickler = _Unpickler(data, find)
    made = unpickler.load()
    if isinstance(made, tuple):
        made = _new(*made)
        begun(made)
        _set_state(made, unpickler.load())
    return made


class _Pickler(pickle.Pickler):
    """Writes a number in the place of every exception but `itself`."""

    def __init__(self, file: io.BytesIO, itself: BaseException | None, number: Callable[[BaseException], int]) -> None:
        super().__init__(file, 5)
        self._itself = itself
        self._number = number

    def persistent_id(self, value: Any) -> int | None:
        is_other = issubclass(type(value), BaseException) and value is not self._itself
        return self._number(value) if is_other else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, find: Callable[[int], BaseException]) -> None:
        super().__init__(io.BytesIO(data))
        self._find = find

    def persistent_load(self, number: Any) -> BaseException:
        return self._find(number)


def _is_own(cls: type, method: str) -> bool:
    """Tell whether `cls` has a `method` other than the built-in classes'."""
    return next((base for base in cls.__mro__ if method in vars(base)), object).__module__ != "builtins"


def _builtin(cls: type) -> Any:
    """Return the built-in class that makes objects of `cls`."""
    while cls.__module__ != "builtins":
        cls = cast(type, cls.__base__)
    return cls


def _new(cls: type, args: tuple[Any, ...]) -> BaseException:
    """Make an exception as its built-in class does, which may keep more of the arguments than `args`."""
    builtin = _builtin(cls)
    is_group = "ExceptionGroup" in builtin.__name__  # which Python 3.10 does not have
    error = builtin.__new__(cls, *(args[:2] if is_group else args))
    builtin.__init__(error, *args)
    return cast(BaseException, error)


def _contents(error: BaseException) -> tuple[tuple[Any, ...], Any]:
    """Return the arguments with which the built-in class makes `error`, and its state.

    As for pickle, the state is what `__getstate__` returns, or `__dict__`, or `__dict__` and what is kept elsewhere.
    """
    cls = type(error)
    _, args, *builtin_state = _builtin(cls).__reduce__(error)
    if _is_own(cls, "__getstate__"):
        return args, cast(Any, error).__getstate__()
    in_dict = {name: value for name, value in vars(error).items() if name != NOTES}
    if _is_own(cls, "__setstate__"):
        return args, in_dict
    slots = {name: getattr(error, name) for name in _slots(cls) if hasattr(error, name)}
    fields = builtin_state[0] if builtin_state else {}  # `name` and `path` of an ImportError, and again what is in_dict
    return args, (in_dict, slots | {name: value for name, value in fields.items() if name not in vars(error)})


def _slots(cls: type) -> list[str]:
    """Return the names in `__slots__` of `cls` and its bases."""
    declared = [vars(base).get("__slots__", ()) for base in cls.__mro__]
    return [name for names in declared for name in ([names] if isinstance(names, str) else names)]


def _set_state(error: BaseException, state: Any) -> None:
    if state is None:
        return
    if _is_own(type(error), "__setstate__"):
        cast(Any, error).__setstate__(state)
        return
    in_dict, elsewhere = state if isinstance(state, tuple) else (state, {})
    vars(error).update(in_dict or {})
    for name, value in elsewhere.items():
        object.__setattr__(error, name, value)  # not the class's own, which refuses in a frozen dataclass


def _name(value: object) -> str:
    return type(value).__qualname__


def _described(value: object) -> str:
    try:
        return _REPR.repr(value)
    except BaseException:
        return f"<{_name(value)}>"
