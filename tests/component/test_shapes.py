"""Which methods stream, and that interface, implementation and fake agree about it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from typing import Any, NoReturn
from unittest.mock import AsyncMock, Mock, create_autospec

import pytest

from tests.component.faults import fault_of, faults_of
from weaverlab.component import Component, Implements, Interface, build_application
from weaverlab.component.fakes import faults_of_fakes
from weaverlab.component.shapes import Shape

Numbers = Iterator[int]


class Feed(Interface):
    def old(self, n: int) -> Iterator[int]: ...
    def new(self, n: int) -> AsyncIterator[int]: ...
    def size(self) -> int: ...


class FeedEU(Implements[Feed], Feed):
    def old(self, n: int) -> Iterator[int]:
        yield n

    async def new(self, n: int) -> AsyncIterator[int]:
        yield n

    def size(self) -> int:
        return 1


class EveryWay(Component):
    """Annotated or not, with a body that yields or one that returns another's stream."""

    def a_yields(self):
        yield 1

    def b_yields_an_iterable(self) -> Iterable[int]:
        yield 1

    def c_returns_an_iterator(self) -> Iterator[int]:
        return iter([1])

    def d_generator(self) -> Generator[int, None, str]:
        yield 1
        return "ended"

    def e_alias(self) -> Numbers: ...

    async def f_async_yields(self):
        yield 1

    def g_returns_an_async_iterator(self) -> AsyncIterator[int]: ...

    async def h_async_generator(self) -> AsyncGenerator[int, None]:
        yield 1


def shapes(component: type) -> dict[str, Shape]:
    methods = build_application([component]).components[component.__name__].methods
    return {method.name: method.shape for method in methods}


def test_the_interface_says_what_streams():
    assert shapes(FeedEU) == {"new": Shape.ASYNC_STREAM, "old": Shape.STREAM, "size": Shape.VALUE}


def test_a_method_streams_because_it_yields_or_because_it_says_so():
    found = shapes(EveryWay)

    assert {name[0] for name, shape in found.items() if shape is Shape.STREAM} == set("abcde")
    assert {name[0] for name, shape in found.items() if shape is Shape.ASYNC_STREAM} == set("fgh")


def test_the_name_of_a_stream_is_enough_where_only_type_checkers_import_it():
    class Only(Component):
        def numbers(self) -> Absent.Iterator[int]: ...  # noqa: F821
        def values(self) -> Absent: ...  # noqa: F821

    assert shapes(Only) == {"numbers": Shape.STREAM, "values": Shape.VALUE}


def test_a_list_or_an_iterable_is_one_value():
    class Lists(Component):
        def one(self) -> Iterable[int]: ...
        def two(self) -> list[int]: ...
        async def three(self) -> list[int]: ...

    assert set(shapes(Lists).values()) == {Shape.VALUE, Shape.AWAITED}


def test_an_implementation_must_stream_what_its_interface_streams():
    class FeedUS(Implements[Feed]):
        def old(self, n):
            return [n]

        async def new(self, n):
            return n

        def size(self):
            yield 1

    assert faults_of(FeedUS) == (
        "FeedUS.new: is `async def`, but interface Feed says an async stream (`async def` with `yield`, or `def` with "
        "`-> AsyncIterator[...]`). Write `async def new(self, n) -> AsyncIterator[...]` with `yield`, or change the "
        "interface.",
        "FeedUS.old: is `def`, but interface Feed says a stream (`def` with `yield`, or `-> Iterator[...]`). "
        "Write `def old(self, n) -> Iterator[...]` with `yield`, or change the interface.",
        "FeedUS.size: is a stream (`def` with `yield`, or `-> Iterator[...]`), but interface Feed says `def`. "
        "Write `def size(self)` and return a list, or change the interface.",
    )


def test_an_implementation_may_return_the_stream_of_another():
    class FeedUS(Implements[Feed]):
        def old(self, n) -> Iterator[int]:
            return iter([n])

        def new(self, n) -> AsyncIterator[int]:
            return FeedEU().new(n)

        def size(self):
            return 1

    assert shapes(FeedUS) == shapes(FeedEU)


def test_a_missing_stream_is_shown_as_one():
    class FeedUS(Implements[Feed]):
        def old(self, n):
            yield n

        def size(self): ...

    assert fault_of(FeedUS) == (
        "FeedUS: method 'new' of interface Feed is missing. "
        "Expected `async def new(self, n) -> AsyncIterator[...]` with `yield`."
    )


async def _awaited(self) -> AsyncIterator[int]: ...


async def _awaited_sync(self) -> Iterator[int]: ...


def _yields(self) -> AsyncIterator[int]:
    yield 1


async def _async_yields(self) -> Iterator[int]:
    yield 1


def _takes(self) -> Generator[int, str, None]:
    yield 1


async def _async_takes(self) -> AsyncGenerator[int, str]:
    yield 1


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        (
            _awaited,
            "is `async def` without `yield`, so its caller would have to await AsyncIterator[int], which cannot be "
            "sent. Write `def` with `-> AsyncIterator[int]` in an interface, and `async def` with `yield` in a "
            "component.",
        ),
        (
            _awaited_sync,
            "is `async def` without `yield`, so its caller would have to await Iterator[int], which cannot be "
            "sent. Write `def` with `-> AsyncIterator[int]` in an interface, and `async def` with `yield` in a "
            "component.",
        ),
        (_yields, "uses `yield` in `def`, but says AsyncIterator[int]. Write `async def`, or Iterator."),
        (_async_yields, "uses `yield` in `async def`, but says Iterator[int]. Write AsyncIterator, or `def`."),
        (
            _takes,
            "says Generator[int, str, None], but a stream goes one way: nothing can be sent into it. "
            "Write `-> Iterator[int]`.",
        ),
        (
            _async_takes,
            "says AsyncGenerator[int, str], but a stream goes one way: nothing can be sent into it. "
            "Write `-> AsyncIterator[int]`.",
        ),
    ],
)
def test_an_annotation_that_cannot_be_true_is_a_fault(method: Any, fault: str):
    Ticker = type("Ticker", (Component,), {"ticks": method, "__module__": __name__})

    assert fault_of(Ticker) == f"Ticker.ticks: {fault}"


class FakeFeed:
    def old(self, n):
        return [n]

    async def new(self, n):
        yield n

    def size(self):
        return 1


@pytest.mark.parametrize(
    "fake",
    [FakeFeed(), Mock(), create_autospec(FakeFeed, instance=True), FeedEU()],
    ids=["class", "mock", "autospec", "component"],
)
def test_a_fake_may_answer_a_stream_with_any_iterable(fake):
    assert faults_of_fakes({Feed: fake}) == []


def test_a_fake_of_another_shape_is_named():
    class Wrong(FakeFeed):
        async def old(self, n) -> NoReturn: ...

        def new(self, n):
            yield n

        def size(self):
            yield 1

    faults = faults_of_fakes({Feed: Wrong()})

    assert [fault.partition(": is")[0].partition(", but")[0] for fault in faults] == [
        "fakes: Feed: Wrong.new is a stream (`def` with `yield`, or `-> Iterator[...]`)",
        "fakes: Feed: Wrong.old is `async def`",
        "fakes: Feed: Wrong.size is a stream (`def` with `yield`, or `-> Iterator[...]`)",
    ]
    assert faults_of_fakes({Feed: Mock(old=AsyncMock())}) != []
