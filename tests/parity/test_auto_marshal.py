"""`AutoMarshal`: records cross the wire and arrive equal; what cannot travel is rejected when the class is defined."""

from __future__ import annotations

import datetime
import enum
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar
from uuid import UUID

import pytest
from typing_extensions import Self

import weaverlab as weaver
from weaverlab import AutoMarshal, Component, Interface, Listener, Ref
from weaverlab.errors import DeclarationError

T = TypeVar("T")
K = TypeVar("K")
UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Place(NamedTuple):
    x: int
    y: float = 0.5


class Options(TypedDict, total=False):
    deep: bool


@dataclass(frozen=True)
class Plain:
    text: str


class Base(AutoMarshal, kw_only=True):
    id: UserId = UserId(7)
    made: datetime.datetime = datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)


class Everything(Base, frozen=False, kw_only=True):
    colour: Colour = Colour.BLUE
    rights: Rights = Rights.READ | Rights.WRITE
    place: Place = Place(1)
    options: Options = field(default_factory=lambda: Options(deep=True))
    plain: Plain = Plain("x")
    old_optional: Optional[int] = None  # noqa: UP045
    new_optional: int | None = 3
    union: int | str | Plain = Plain("y")
    literal: Literal["a", "b"] = "a"
    annotated: Annotated[int, "positive"] = 1
    nested: dict[str, list[tuple[Place, ...]]] = field(default_factory=lambda: {"a": [(Place(1), Place(2))]})
    money: Decimal = Decimal("1.10")
    key: UUID = UUID(int=3)
    path: Path = Path("a/b")
    data: bytes = b"\x00" * 10
    big: int = 2**100
    numbers: frozenset[complex] = frozenset((1j, 2j))
    anything: Any = (1, None, ...)
    own: Self | None = None
    kind: type[Base] = Base


class Page(AutoMarshal, Generic[T]):
    items: list[T]
    next: Page[T] | None = None


class Entry(Page[K], Generic[K, T]):
    value: T | None = None


class Tree(AutoMarshal, frozen=True, order=True):
    label: str
    leaves: tuple[Leaf, ...] = ()  # defined below: they mention each other


class Leaf(AutoMarshal, frozen=True, order=True):
    label: str
    parent: Tree | None = None


class Mirror(Component):
    def reflect(self, record: Any) -> Any:
        return record

    def types(self, record: Everything) -> list[str]:
        return [type(getattr(record, name)).__name__ for name in record.__dataclass_fields__]


RECORDS = [
    Base(id=UserId(1)),
    Everything(),
    Everything(own=Everything(colour=Colour.RED), union=3, literal="b", old_optional=1),
    Page([1, 2], Page([3])),
    Page([Page(["a"])]),
    Entry([Place(1)], value=Everything()),
    Tree("root", (Leaf("a", Tree("other")), Leaf("b"))),
]


def test_records_arrive_equal_and_with_the_same_types(deployer: str) -> None:
    with weaver.deploy(Mirror, deployer=deployer) as app:
        mirror = app.get(Mirror)

        for record in RECORDS:
            answer = mirror.reflect(record)
            assert answer == record and type(answer) is type(record)
        assert mirror.reflect(RECORDS) == RECORDS
        here = [type(getattr(Everything(), name)).__name__ for name in Everything.__dataclass_fields__]
        assert mirror.types(Everything()) == here
        assert mirror.reflect(Colour.RED) is Colour.RED


class Names(Interface): ...


@dataclass
class Outer:
    inner: list[Inner]


@dataclass
class Inner:
    lock: threading.Lock


@pytest.mark.parametrize(
    ("annotation", "fault"),
    [
        (Callable[[int], str], "Bad.it: collections.abc.Callable[[int], str] is a function"),
        (threading.Lock, "Bad.it: threading.Lock is a lock"),
        (Iterator[int], "Bad.it: collections.abc.Iterator[int] is an iterator"),
        (TextIOWrapper, "Bad.it: io.TextIOWrapper is an open file"),
        (dict[str, socket.socket | None], "Bad.it: socket.socket is a socket"),
        (Ref[Names], "Bad.it: weaverlab.component.fields.Ref[tests.parity.test_auto_marshal.Names] belongs to"),
        (Listener, "Bad.it: weaverlab.component.fields.Listener belongs to"),
        (Page[Outer], "Bad.it.inner.lock: threading.Lock is a lock"),
    ],
)
def test_what_cannot_travel_is_rejected_when_the_class_is_defined_with_its_path(annotation: Any, fault: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        type("Bad", (AutoMarshal,), {"__annotations__": {"it": annotation, "fine": int}, "__module__": __name__})

    (found,) = caught.value.faults
    assert found.startswith(fault)
