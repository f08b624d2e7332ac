"""Handles have the methods of the interface, with its own signatures, wherever the component is."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from weaverlab import Implements, Interface
from weaverlab.component import ComponentSpec, build_application
from weaverlab.observe import MethodMetrics
from weaverlab.runtime import context
from weaverlab.runtime.handles import Handle, local_handle, remote_handle


class Shelf(Interface):
    def plain(self, a: int, b: int = 2) -> str:
        """Put a beside b."""
        raise NotImplementedError

    def every_kind(self, a: int, /, b: int, *rest: int, named: int, other: int = 5, **more: int) -> str:
        raise NotImplementedError

    def awkward(self, trace: int, stats: int, target: int, send: int, method: int) -> str:
        raise NotImplementedError

    async def later(self, a: int) -> str:
        raise NotImplementedError

    def fails(self) -> None:
        raise NotImplementedError


class OakShelf(Implements[Shelf], Shelf):
    def plain(self, a: int, b: int = 2) -> str:
        return f"{a} {b}"

    def every_kind(self, a: int, /, b: int, *rest: int, named: int, other: int = 5, **more: int) -> str:
        return f"{a} {b} {rest} {named} {other} {more}"

    def awkward(self, trace: int, stats: int, target: int, send: int, method: int) -> str:
        return f"{trace}{stats}{target}{send}{method}"

    async def later(self, a: int) -> str:
        return f"{a} later"

    def fails(self) -> None:
        raise ZeroDivisionError


SPEC: ComponentSpec = build_application([OakShelf]).components["OakShelf"]


class Local:
    """A local handle and what was counted."""

    def __init__(self, timed_by: Callable[[], float] | None = None) -> None:
        self.metrics = MethodMetrics()
        self.traced: list[str] = []
        stats = {m.name: self.metrics.stats("me", "OakShelf", m.name, remote=False) for m in SPEC.methods}
        self.handle: Any = local_handle(
            SPEC, OakShelf(), stats, self._trace, lambda method, stats: lambda call: call(), timed_by
        )

    def _trace(self, method: Any, target: Any) -> Any:
        def traced(*args: Any) -> Any:
            self.traced.append(method.name)
            return target(*args)

        return traced


def remote() -> Any:
    """A remote handle whose "wire" applies what was sent to a component, as a dispatcher does."""
    shelf = OakShelf()

    class Wire:
        def call(self, method: Any, args: tuple[Any, ...]) -> Any:
            function = getattr(shelf, method.name)
            return function(*args[:-1], **args[-1]) if method.has_keywords else function(*args)

        async def call_async(self, method: Any, args: tuple[Any, ...]) -> Any:
            return await self.call(method, args)

        read = read_async = call

    return remote_handle(SPEC, {method.name: method for method in SPEC.methods}, Wire())


@pytest.fixture(params=["local", "remote"])
def handle(request: pytest.FixtureRequest) -> Any:
    return Local().handle if request.param == "local" else remote()


def test_arguments_may_be_given_in_every_way_the_signature_allows(handle: Any) -> None:
    assert handle.plain(1) == handle.plain(a=1) == handle.plain(1, b=2) == "1 2"
    assert handle.every_kind(1, 2, 3, 4, named=6, extra=7) == "1 2 (3, 4) 6 5 {'extra': 7}"
    assert handle.every_kind(1, b=2, named=3, other=4) == "1 2 () 3 4 {}"


def test_parameters_may_have_any_name(handle: Any) -> None:
    assert handle.awkward(1, 2, 3, 4, 5) == handle.awkward(trace=1, stats=2, target=3, send=4, method=5) == "12345"


def test_wrong_arguments_are_refused_before_anything_is_sent(handle: Any) -> None:
    with pytest.raises(TypeError, match=r"OakShelf\.plain\(\) missing 1 required positional argument: 'a'"):
        handle.plain()
    with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
        handle.plain(1, c=3)


def test_async_methods_return_awaitables(handle: Any) -> None:
    assert inspect.iscoroutinefunction(handle.later)
    assert asyncio.run(handle.later(1)) == "1 later"


def test_a_handle_documents_itself(handle: Any) -> None:
    assert handle.plain.__doc__ == "Put a beside b."
    assert str(inspect.signature(handle.plain)) == "(a, b=2)"
    assert repr(handle) == "<handle to OakShelf: awkward, every_kind, fails, later, plain>"


def test_a_misspelt_method_is_named_with_the_nearest_right_one(handle: Any) -> None:
    with pytest.raises(
        AttributeError, match=r"OakShelf has no method 'plane'. Did you mean 'plain'\? It has: awkward, "
    ):
        handle.plane(1)


def test_a_handle_cannot_be_sent_anywhere(handle: Any) -> None:
    assert isinstance(handle, Handle)
    with pytest.raises(TypeError, match=r"belongs to one process\. Declare a Ref"):
        pickle.dumps(handle)


def test_local_calls_and_their_errors_are_counted() -> None:
    local = Local()
    local.handle.plain(1)
    with pytest.raises(ZeroDivisionError):
        local.handle.fails()

    counted = {counts.key.method: (counts.calls, counts.errors) for counts in local.metrics.snapshot()}
    assert counted == {"plain": (1, 0), "fails": (1, 1)}


def test_errors_of_traced_local_calls_are_counted_too() -> None:
    local = Local()
    with context.request(), pytest.raises(ZeroDivisionError):
        local.handle.fails()

    assert local.metrics.snapshot()[0].errors == 1


async def test_local_calls_are_timed_when_asked_for_whether_they_return_or_raise() -> None:
    ticks = itertools.count()
    local = Local(timed_by=lambda: 0.5 * next(ticks))
    local.handle.plain(1)
    await local.handle.later(1)
    with pytest.raises(ZeroDivisionError):
        local.handle.fails()

    counted = {c.key.method: (c.calls, c.errors, c.timed_s, sum(c.buckets)) for c in local.metrics.snapshot()}
    assert counted == {"plain": (1, 0, 0.5, 1), "later": (1, 0, 0.5, 1), "fails": (1, 1, 0.5, 1)}


def test_only_calls_of_a_traced_request_take_the_traced_path() -> None:
    local = Local()
    local.handle.plain(1)
    with context.request():
        local.handle.plain(1)

    assert local.traced == ["plain"]
