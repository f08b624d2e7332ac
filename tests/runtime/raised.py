"""Exceptions of every kind that authors write, and how they travel from a callee to its caller."""

from __future__ import annotations

import builtins
import dataclasses
import pickle
import threading
import traceback
from collections.abc import Callable
from typing import Any

from weaverlab.runtime import failures

Group: Any = getattr(builtins, "ExceptionGroup", Exception)


class OutOfStock(Exception):
    """Takes other arguments than it passes on, as most errors of applications."""

    def __init__(self, item: str, *, left: object = 0) -> None:
        super().__init__(f"only {left} of {item}")
        self.item = item
        self.left = left


class Silent(Exception):
    """Passes nothing on."""

    def __init__(self, item: str, left: int = 0) -> None:
        self.item = item


class NoDisk(OSError):
    def __init__(self, name: str) -> None:
        super().__init__(5, "no disk", name)
        self.label = name


class Slotted(Exception):
    __slots__ = ("item",)

    def __init__(self, item: str) -> None:
        self.item = item


@dataclasses.dataclass
class Record(Exception):
    item: str
    left: int = 0


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    item: str


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlots(Exception):
    item: str


class WithProperty(Exception):
    def __init__(self, item: str) -> None:
        self.__dict__["item"] = item

    @property
    def item(self) -> str:
        return str(self.__dict__["item"])


class WithReduce(Exception):
    def __init__(self, item: str, lock: object) -> None:
        self.item, self.lock = item, lock

    def __reduce__(self) -> tuple[object, ...]:
        return WithReduce, (self.item, "made again")


class WithState(Exception):
    def __init__(self, item: str) -> None:
        super().__init__(item)
        self.item, self.lock = item, threading.Lock()

    def __getstate__(self) -> dict[str, object]:  # type: ignore[override]
        return {"item": self.item}

    def __setstate__(self, state: Any) -> None:
        self.item, self.lock = state["item"], threading.Lock()


class GetsState(Exception):
    state: Any = None

    def __getstate__(self) -> Any:  # type: ignore[override]
        return self.state


class SetsState(Exception):
    item = ""

    def __setstate__(self, state: dict[str, Any] | None) -> None:
        self.item = (state or {})["label"]


class WithoutState(GetsState):
    def __setstate__(self, state: object) -> None:
        raise AssertionError("there is no state")


class Sealed(Exception):
    __slots__ = ("item",)

    def __init__(self, item: str) -> None:
        object.__setattr__(self, "item", item)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class Parsing(UnicodeDecodeError):
    def __init__(self, at: int) -> None:
        super().__init__("utf-8", b"abc", at, at + 1, "not text")


class Refusals(Group):  # type: ignore[misc]
    shop: str

    def __new__(cls, message: str, errors: list[Exception], shop: str = "") -> Any:
        self = super().__new__(cls, message, errors)
        self.shop = shop
        return self


class Tricky(Exception):
    """Raises wherever Python lets an exception do so; `where` leaves one place."""

    def __init__(self, *where: str, error: type[BaseException] = RuntimeError) -> None:
        self.where, self.error = where, error

    def __getstate__(self) -> object:
        self._raise("getstate")
        return {"where": self.where, "error": self.error}

    def __setstate__(self, state: Any) -> None:
        vars(self).update(state)
        self._raise("setstate")

    def __reduce__(self) -> Any:
        self._raise("reduce")
        return Tricky, (), self.__getstate__()

    def __str__(self) -> str:
        self._raise("str")
        return "tricky"

    def __repr__(self) -> str:
        self._raise("repr")
        return "Tricky"

    def _raise(self, place: str) -> None:
        if place in self.where:
            raise self.error(place)


class AtHome(Exception):
    """Its class is known where it is raised only: `is_known` is what an import would be."""

    is_known = True

    def __reduce__(self) -> tuple[object, ...]:
        return AtHome.again, ()

    @classmethod
    def again(cls) -> AtHome:
        if not cls.is_known:
            raise ModuleNotFoundError("no module named home")
        return cls()


def sent(failure: failures.Failure) -> failures.Failure:
    return pickle.loads(pickle.dumps(failure))


def carried(error: BaseException, where: str = "Shop.buy at Shop/1") -> Any:
    """Raise, pack, pickle, unpickle and unpack `error`."""
    try:
        raise error
    except BaseException as raised:
        return failures.unpack(sent(failures.pack(raised, where)))


def raised_by(body: Callable[[], object]) -> Any:
    """Return what arrives of the error that `body` raises."""
    try:
        body()
    except BaseException as raised:
        return failures.unpack(sent(failures.pack(raised, "Shop.buy at Shop/1")))
    raise AssertionError("it raises nothing")


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def public_attributes(error: BaseException) -> dict[str, object]:
    names = [name for name in dir(error) if not name.startswith("_") and hasattr(error, name)]
    return {name: getattr(error, name) for name in names if not callable(getattr(error, name))}
