"""AutoMarshal: records that may cross the wire, and fields that may not."""

import asyncio
import collections.abc
import contextvars
import datetime
import enum
import functools
import io
import itertools
import pickle
import queue
import re
import socket
import subprocess
import tempfile
import threading
import types
import typing
import zipfile
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, NewType, Optional, TypeVar

import pytest
from typing_extensions import Self, TypeAliasType

import weaverlab as weaver
from weaverlab.component import AutoMarshal, Component, Implements, Interface, Ref, build_application
from weaverlab.errors import DeclarationError

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"


class Place(NamedTuple):
    x: int
    y: int


class Author(AutoMarshal, frozen=True, order=True):
    name: str
    born: datetime.date | None = None


class Post(AutoMarshal):
    id: str
    author: Author
    colour: Colour = Colour.RED
    place: Place | None = None
    replies: list["Post"] = field(default_factory=list)
    parent: Optional["Post"] = None
    kind: Literal["short", "long"] = "short"
    tags: Annotated[frozenset[str], "unordered"] = frozenset()
    numbers: tuple[int, ...] = ()
    anything: Any = None
    lines: Iterable[str] = ()
    pattern: re.Pattern[str] | None = None
    path: Path = Path(".")
    error: Exception | None = None
    family: socket.AddressFamily = socket.AF_INET
    buffer: io.BytesIO | None = None
    record_type: type[Author] = Author
    later: "Later | None" = None  # noqa: F821 - a cell may define it later
    lock: ClassVar[Any] = threading.Lock()


class Box(AutoMarshal, Generic[T]):
    item: T


def rejected(annotation: object) -> str:
    """Return the fault of a record `Bad` whose one field `it` is so annotated."""
    with pytest.raises(DeclarationError) as caught:
        type("Bad", (AutoMarshal,), {"__annotations__": {"it": annotation}, "__module__": __name__})
    return str(caught.value)


def test_a_record_is_a_dataclass():
    post = Post("1", Author("ann"), replies=[Post("2", Author("bob"))])

    assert post == Post("1", Author("ann"), replies=[Post("2", Author("bob"))])
    assert repr(Box(3)) == "Box(item=3)"


def test_options_of_dataclass_are_keywords_of_the_class():
    assert Author("ann") < Author("bob")
    with pytest.raises(FrozenInstanceError):
        Author("ann").name = "bob"


def test_a_record_is_pickled_by_plain_pickle():
    post = Post("1", Author("ann"), replies=[Post("2", Author("bob"))])

    assert pickle.loads(pickle.dumps(post, protocol=5)) == post
    assert pickle.loads(pickle.dumps(Box(post), protocol=5)) == Box(post)


def test_a_record_may_derive_from_a_record():
    class Signed(Author, frozen=True):
        key: bytes = b""

    assert Signed("ann", None, b"k").key == b"k"


def test_keywords_that_dataclass_does_not_know_go_to_the_other_bases():
    class Tagged:
        def __init_subclass__(cls, tag: str, **options: Any) -> None:
            super().__init_subclass__(**options)
            cls.tag = tag

    class Tweet(AutoMarshal, Tagged, tag="t", frozen=True):
        text: str

    assert (Tweet.tag, Tweet("a").text) == ("t", "a")


def test_slots_would_make_another_class():
    with pytest.raises(DeclarationError, match="Bad: slots=True would make another class of it"):

        class Bad(AutoMarshal, slots=True): ...


@pytest.mark.parametrize(
    ("annotation", "shown", "what"),
    [
        (Callable[[int], str], "collections.abc.Callable[[int], str]", "a function"),
        (typing.Callable, "Callable", "a function"),
        (types.FunctionType, "function", "a function"),
        (threading.Lock, "threading.Lock", "a lock"),
        (threading.RLock, "threading.RLock", "a lock or a thread"),
        (threading.Thread, "threading.Thread", "a lock or a thread"),
        (queue.Queue, "queue.Queue", "a queue between threads"),
        (Iterator[int], "collections.abc.Iterator[int]", "an iterator"),
        (Generator, "collections.abc.Generator", "a generator"),
        (collections.abc.AsyncIterator, "collections.abc.AsyncIterator", "an iterator"),
        (io.BufferedReader, "io.BufferedReader", "an open file"),
        (typing.TextIO, "typing.TextIO", "an open file"),
        (typing.IO[str], "IO[str]", "an open file"),
        (socket.socket, "socket.socket", "a socket"),
        (types.ModuleType, "module", "a module"),
        (asyncio.Future, "asyncio.Future", "bound to an event loop"),
        (contextvars.ContextVar, "contextvars.ContextVar", "a context variable"),
        (memoryview, "memoryview", "a view of another object's memory"),
        (functools.partial, "functools.partial", "a function"),
        (map, "map", "an iterator"),
        (itertools.count, "itertools.count", "an iterator"),
        (types.MappingProxyType, "mappingproxy", "a view of another object"),
        (collections.abc.KeysView, "collections.abc.KeysView", "a view of another object"),
        (subprocess.Popen, "subprocess.Popen", "a process"),
        (zipfile.ZipFile, "zipfile.ZipFile", "an open file"),
        (tempfile.TemporaryDirectory, "tempfile.TemporaryDirectory", "a temporary file"),
        (re.Match[str], "re.Match[str]", "a match"),
        (weaver.Deployment, "weaverlab.deployers.deployment.Deployment", "a deployment"),
    ],
)
def test_a_field_that_cannot_travel_is_rejected_when_the_class_is_defined(annotation, shown, what):
    assert rejected(annotation) == (
        f"Bad.it: {shown} is {what} and cannot be sent to another process. "
        "Keep what it is made from (a name, a path, an address) and make it where it is used."
    )


@pytest.mark.parametrize(
    "annotation",
    [
        list[socket.socket],
        dict[str, list[socket.socket]],
        socket.socket | None,
        Optional["socket.socket"],
        "list[socket.socket]",
        Annotated[socket.socket, "x"],
        tuple[socket.socket, ...],
        Box[socket.socket],
        NewType("Channel", socket.socket),
        TypeVar("Bound", bound=socket.socket),
        TypeVar("OneOf", int, socket.socket),
    ],
)
def test_containers_unions_strings_and_generics_hide_nothing(annotation):
    assert rejected(annotation).startswith("Bad.it: socket.socket is a socket and cannot be sent")


@dataclass
class Picture:
    file: io.BufferedReader


@dataclass
class Person:
    avatar: Picture
    friends: "list[Person]"


class Row(NamedTuple):
    person: Person


class Entry(typing.TypedDict):
    row: Row


@dataclass(frozen=True, slots=True)  # so made, it has a __getstate__ that no author wrote
class Slotted:
    it: threading.Lock


@pytest.mark.parametrize(
    ("annotation", "path"),
    [
        (Person, "Bad.it.avatar.file"),
        (list[Row], "Bad.it.person.avatar.file"),
        (Entry, "Bad.it.row.person.avatar.file"),
        (Box[Person], "Bad.it.avatar.file"),
        (Slotted, "Bad.it.it"),
    ],
)
def test_records_inside_are_searched_and_the_path_is_shown(annotation, path):
    assert rejected(annotation).startswith(f"{path}: ")


class Names(Interface): ...


class NamesEU(Implements[Names]): ...


@pytest.mark.parametrize("annotation", [Ref[Names], Names, NamesEU, list[Names], weaver.Listener, weaver.Antipode])
def test_what_belongs_to_a_running_component_stays_there(annotation):
    assert "belongs to a running component and cannot be sent to another process." in rejected(annotation)


def test_a_class_travels_by_its_name():
    class Fine(AutoMarshal):
        interface: type[Names]
        thread: type[threading.Thread]

    assert Fine


@pytest.mark.parametrize("annotation", [[int], (int, str), 3, any, callable])
def test_an_annotation_that_is_no_type_is_shown(annotation):
    assert "is no type. Write one, such as list[int] or Any." in rejected(annotation)


def test_a_default_is_looked_at_where_the_type_says_nothing():
    with pytest.raises(DeclarationError) as caught:

        class Bad(AutoMarshal):
            lock: Any = field(default_factory=threading.Lock)
            act: object = print
            path: str = ""

    assert [fault.split(" ", 5)[:5] for fault in caught.value.faults] == [
        ["Bad.lock:", "its", "default,", "made", "by"],
        ["Bad.act:", "its", "default,", "made", "by"],
    ]


def test_the_brackets_of_a_base_are_searched_too():
    with pytest.raises(DeclarationError, match=r"^Bad\(.*Box\[.*\]\): socket\.socket is a socket"):

        class Bad(Box[socket.socket]): ...


def test_records_may_mention_each_other_and_themselves():
    class Node(AutoMarshal):
        next: Self | None = None
        forest: "Forest | None" = None

    class Forest(AutoMarshal):
        nodes: list[Node] = field(default_factory=list)
        parent: "Forest | None" = None

    assert Forest([Node(next=Node())]) == Forest([Node(next=Node())])


class Early(AutoMarshal):
    late: "Late"


@dataclass
class Late:
    early: Early | None
    lock: threading.Lock


def test_what_a_record_mentions_before_it_is_defined_is_searched_when_the_application_is_built():
    class Keeper(Component):
        def keep(self, early: list[Early]) -> None: ...

    with pytest.raises(DeclarationError, match=r"^Early\.late\.lock: threading\.Lock is a lock"):
        build_application([Keeper])


def test_all_faults_of_a_record_are_reported_together():
    with pytest.raises(DeclarationError) as caught:

        class Bad(AutoMarshal):
            one: threading.Event
            fine: int
            two: socket.socket

    assert [fault.split(":")[0] for fault in caught.value.faults] == ["Bad.one", "Bad.two"]


def test_a_class_that_says_how_it_is_pickled_is_trusted():
    class Handle(threading.Thread):
        def __reduce__(self):
            return Handle, ()

    class Fine(AutoMarshal):
        handle: Handle

    @dataclass
    class Person:
        lock: threading.Lock

        def __getstate__(self):
            return {}

    class AlsoFine(AutoMarshal):
        person: Person

    assert Fine and AlsoFine


def test_an_authors_own_iterator_may_be_sent():
    class Countdown(Iterator):
        def __next__(self): ...

    class Fine(AutoMarshal):
        it: Countdown

    assert Fine


def test_an_annotation_that_cannot_be_evaluated_is_shown():
    assert rejected("3 + None").startswith("Bad.it: annotation '3 + None' is wrong: TypeError(")


def test_a_default_that_all_records_would_share_is_a_fault_of_its_field():
    with pytest.raises(DeclarationError) as caught:

        class Order(AutoMarshal):
            lines: list[str] = []  # noqa: RUF012
            counts: dict[str, int] = {"a": 1}  # noqa: RUF012

    assert caught.value.faults == (
        "Order.lines: all records would share the default []. Write `lines: ... = field(default_factory=list)`, "
        "with `from dataclasses import field`.",
        "Order.counts: all records would share the default {'a': 1}. Write "
        "`counts: ... = field(default_factory=lambda: {'a': 1})`, with `from dataclasses import field`.",
    )


def test_a_class_variable_may_be_shared():
    class Order(AutoMarshal):
        known: ClassVar[list[str]] = []

    assert Order.known == []


Tree = TypeAliasType("Tree", "list[Tree]")
Wire = TypeAliasType("Wire", dict[str, socket.socket])


def test_a_type_statement_hides_nothing_and_may_mention_itself():
    class Fine(AutoMarshal):
        tree: Tree

    assert Fine
    assert rejected(Wire).startswith("Bad.it: socket.socket is a socket")
