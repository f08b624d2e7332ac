"""Values that go wrong when they are pickled, or when they are unpickled."""

from __future__ import annotations

import asyncio
import importlib
import pickle
from collections.abc import Callable
from typing import Any


class Unspeakable(Exception):
    """Cannot even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no words for it")

    __repr__ = __str__


ERRORS: dict[str, Callable[[], BaseException]] = {
    "an exception": lambda: ValueError("as asked"),
    "an interrupt": KeyboardInterrupt,
    "an exit": lambda: SystemExit(3),
    "a cancellation": asyncio.CancelledError,
    "a generator's end": GeneratorExit,
    "a recursion": lambda: RecursionError("as asked"),
    "something unspeakable": Unspeakable,
}


def throw(error: str) -> Any:
    raise ERRORS[error]()


class BadReduce:
    """Raises when it is pickled."""

    def __init__(self, error: str) -> None:
        self.error = error

    def __reduce__(self) -> tuple[object, ...]:
        return throw(self.error)  # type: ignore[no-any-return]


class BadGetState:
    """Raises when it is pickled, a little later."""

    def __init__(self, error: str) -> None:
        self.error = error

    def __getstate__(self) -> object:
        return throw(self.error)


class BadSetState:
    """Raises when it is unpickled."""

    def __init__(self, error: str) -> None:
        self.error = error

    def __getstate__(self) -> object:
        return self.error

    def __setstate__(self, error: str) -> None:
        throw(error)


class Homeless:
    """Its module is not there where it arrives."""

    def __init__(self, error: str) -> None:
        pass

    def __reduce__(self) -> tuple[object, ...]:
        return importlib.import_module, ("a_module_of_another_machine",)


class Nested:
    """Unpickles one of its kind within the unpickling of itself, `depth` times."""

    def __init__(self, depth: int) -> None:
        self.depth = depth

    def __reduce__(self) -> tuple[object, ...]:
        data = pickle.dumps("the bottom")
        for _ in range(self.depth):
            data = pickle.dumps(_Inner(data))
        return unpickled, (data,)


class _Inner:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def __reduce__(self) -> tuple[object, ...]:
        return unpickled, (self.data,)


def unpickled(data: bytes) -> object:
    return pickle.loads(data)


AT_PICKLING = {"__reduce__": BadReduce, "__getstate__": BadGetState}
AT_UNPICKLING = {"__setstate__": BadSetState, "missing module": Homeless}
BAD = AT_PICKLING | AT_UNPICKLING
