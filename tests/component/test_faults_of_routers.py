"""Wrong routers: all their faults at once, when the component's class is defined."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import pytest

from weaverlab.component import Component, Implements, Interface, WithRouter, build_application
from weaverlab.errors import DeclarationError


class Storage(Interface):
    def store(self, post_id: str, text: str = "") -> None: ...
    async def fetch(self, post_id: str) -> str: ...


class Base(Implements[Storage]):
    def store(self, post_id, text=""): ...
    async def fetch(self, post_id): ...


class Place(NamedTuple):
    city: str
    tags: list[str]


Bare = namedtuple("Bare", "city")


@dataclass
class Nothing: ...


@dataclass
class Nested:
    place: Place
    flag: bool


def faults_of(router: object) -> tuple[str, ...]:
    """Return the faults that the definition of a component with this router reports."""
    with pytest.raises(DeclarationError) as caught:

        class StorageEU(Base, WithRouter[router]): ...

    return caught.value.faults


def fault_of(router: object) -> str:
    (fault,) = faults_of(router)
    return fault


def test_the_router_stands_in_brackets():
    with pytest.raises(DeclarationError) as caught:

        class StorageEU(Base, WithRouter): ...

    assert caught.value.faults == (
        "StorageEU: derives from WithRouter, which needs the router in brackets. "
        "Write `class StorageEU(..., WithRouter[SomeRouter])`.",
    )


@pytest.mark.parametrize(
    ("router", "shown"), [(17, "17"), (list[str], "list[str]"), (Storage, "Storage"), (Base, "Base")]
)
def test_a_router_is_a_plain_class(router, shown):
    assert fault_of(router) == f"StorageEU: WithRouter[{shown}] needs a plain class, whose methods return keys."


def test_one_component_has_one_router():
    class ByPostId:
        def fetch(self, post_id) -> str: ...

    assert "needs a plain class" in fault_of((ByPostId, ByPostId))


def test_the_implementation_is_routed_not_the_interface():
    class ByPostId:
        def fetch(self, post_id) -> str: ...

    with pytest.raises(DeclarationError, match=r"Posts: is an interface; WithRouter belongs to its implementations\."):

        class Posts(Interface, WithRouter[ByPostId]):
            def fetch(self, post_id): ...


def test_a_router_is_made_without_arguments():
    class ByPostId:
        def __init__(self, shards, size=3): ...
        def fetch(self, post_id) -> str: ...

    assert fault_of(ByPostId) == "ByPostId.__init__: requires shards, but a router is made without arguments."


def test_a_router_routes_something():
    class ByPostId:
        def _fetch(self, post_id) -> str: ...

    assert fault_of(ByPostId) == (
        "ByPostId: routes no method of Storage. Write one with the name and the parameters of the method, and the type "
        "of the key, such as `def fetch(self, post_id) -> str`."
    )


def test_a_method_that_the_interface_lacks_is_named_with_its_nearest_look_alike():
    class ByPostId:
        def fetsch(self, post_id) -> str: ...

    assert fault_of(ByPostId) == (
        "ByPostId.fetsch: Storage has no method 'fetsch' to route. Did you mean 'fetch'? It has: fetch, store. "
        "Helpers of a router begin with an underscore."
    )


@pytest.mark.parametrize(
    ("route", "shown"),
    [
        (lambda self, id, text: ..., "(self, id, text)"),
        (lambda self, post_id: ..., "(self, post_id)"),
        (lambda self, post_id, text, more="": ..., "(self, post_id, text, more='')"),
        (lambda self, post_id, *, text: ..., "(self, post_id, *, text)"),
        (lambda self, *args: ..., "(self, *args)"),
        (lambda post_id, text: ..., "(post_id, text)"),
    ],
    ids=["name", "absent", "extra", "kind", "star", "no self"],
)
def test_parameters_have_the_names_and_kinds_of_the_method(route: Callable[..., Any], shown):
    class ByPostId:
        store = route

    route.__annotations__["return"] = str

    assert fault_of(ByPostId) == (
        f"ByPostId.store: takes {shown}, but the method of Storage that it routes takes (self, post_id, text=''); "
        "names and kinds must be the same."
    )


def test_defaults_are_those_of_the_interface_and_need_not_be_repeated():
    class ByPostId:
        def store(self, post_id, text) -> str: ...

    class StorageEU(Base, WithRouter[ByPostId]): ...

    assert build_application([StorageEU])


@pytest.mark.parametrize("kind", [staticmethod, classmethod, property, lru_cache])
def test_routes_are_plain_methods(kind):
    class ByPostId:
        @kind
        def fetch(self, post_id) -> str: ...

    name = type(vars(ByPostId)["fetch"]).__name__
    assert fault_of(ByPostId) == f"ByPostId.fetch: is a {name}, but a router has plain methods, `def` with `self`."


def test_a_router_answers_at_once():
    class ByPostId:
        async def fetch(self, post_id) -> str: ...

        def store(self, post_id, text) -> str:
            yield post_id

    asynchronous, generator = faults_of(ByPostId)
    assert asynchronous == (
        "ByPostId.fetch: must return its key at once, without `await` or `yield`, also for an async method. Write "
        "`def fetch(self, post_id)`."
    )
    assert generator.startswith("ByPostId.store: must return its key at once")


def test_a_router_says_of_which_type_its_keys_are():
    class ByPostId:
        def fetch(self, post_id): ...

    assert fault_of(ByPostId) == (
        "ByPostId.fetch: does not say of which type its key is. Write `def fetch(self, post_id) -> str`, or another "
        "type of keys: int, float, or a tuple, NamedTuple or dataclass of these."
    )


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (None, "None"),
        (bool, "bool"),
        (bytes, "bytes"),
        (object, "object"),
        (Any, "Any"),
        (str | int, "str | int"),
        (list[str], "list[str]"),
        (tuple, "tuple"),
        (tuple[str, ...], "tuple[str, ...]"),
        (Nothing, "Nothing"),
        ("list[str]", "list[str]"),
    ],
    ids=str,
)
def test_keys_of_other_types_are_refused(annotation, shown):
    class ByPostId:
        def fetch(self, post_id): ...

    ByPostId.fetch.__annotations__["return"] = annotation

    assert fault_of(ByPostId) == (
        f"ByPostId.fetch: its key is {shown}, but a key is an int, float or str, or a tuple, NamedTuple or dataclass "
        "of these whose parts have types, such as tuple[str, int]."
    )


@pytest.mark.parametrize(
    ("annotation", "parts"),
    [
        (tuple[str, list[str]], ["key[1] is list[str]"]),
        (tuple[tuple[str], bytes], ["key[0] is tuple[str]", "key[1] is bytes"]),
        (Place, ["key.tags is list[str]"]),
        (Nested, ["key.place is Place", "key.flag is bool"]),
        (Bare, ["key.city is Any"]),
    ],
    ids=str,
)
def test_the_part_that_is_no_key_is_named(annotation, parts):
    class ByPostId:
        def fetch(self, post_id): ...

    ByPostId.fetch.__annotations__["return"] = annotation

    assert faults_of(ByPostId) == tuple(
        f"ByPostId.fetch: {part}, but the parts of a key are int, float or str." for part in parts
    )


def test_an_annotation_that_raises_is_a_fault():
    class ByPostId:
        def fetch(self, post_id) -> str[1]: ...

    assert fault_of(ByPostId).startswith("ByPostId.fetch: its key: annotation 'str[1]' is wrong: TypeError(")


def test_all_keys_of_a_router_have_one_type():
    class ByPostId:
        def fetch(self, post_id) -> str: ...
        def store(self, post_id, text) -> tuple[str, int]: ...

    assert fault_of(ByPostId) == (
        "ByPostId: its keys have different types (fetch -> str, store -> tuple[str, int]). Return the same type from "
        "all, so that equal keys lead to one replica whatever the method."
    )


def test_everything_that_is_wrong_is_said_at_once():
    class ByPostId:
        def __init__(self, shards): ...
        def fetch(self, id): ...
        def stor(self, post_id, text) -> list[str]: ...

    assert [fault.partition(":")[0] for fault in faults_of(ByPostId)] == [
        "ByPostId.__init__",
        "ByPostId.fetch",
        "ByPostId.fetch",
        "ByPostId.stor",
        "ByPostId.stor",
    ]


def test_a_component_that_is_its_own_interface_is_checked_too():
    class ByText:
        def revers(self, text) -> str: ...

    with pytest.raises(DeclarationError, match=r"Reverser has no method 'revers' to route. Did you mean 'reverse'\?"):

        class Reverser(Component, WithRouter[ByText]):
            def reverse(self, text): ...
            def init(self): ...


def test_a_component_whose_interface_is_wrong_has_only_that_fault():
    class ByPostId:
        def fetch(self, post_id) -> str: ...

    with pytest.raises(DeclarationError, match="not an interface"):

        class StorageEU(Implements[Place], WithRouter[ByPostId]): ...


def test_a_mixin_is_checked_when_a_component_derives_from_it():
    class ByPostId:
        def fetsch(self, post_id) -> str: ...

    class Routed(WithRouter[ByPostId]): ...

    with pytest.raises(DeclarationError, match="Did you mean 'fetch'"):

        class StorageEU(Base, Routed): ...


def test_keys_that_only_an_application_can_know_are_checked_when_it_is_built():
    class ByPostId:
        def fetch(self, post_id) -> PostKay: ...  # noqa: F821

    class StorageEU(Base, WithRouter[ByPostId]): ...

    with pytest.raises(DeclarationError, match=r"ByPostId\.fetch: its key is PostKay, which is not defined"):
        build_application([StorageEU])
