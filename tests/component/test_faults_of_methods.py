"""Wrong methods: each fault names the class, the member, and what was expected."""

from __future__ import annotations

from functools import cached_property

import pytest

from tests.component.faults import fault_of, faults_of
from weaverlab.component import Component, Implements, Interface, Main, build_application, not_retriable
from weaverlab.errors import DeclarationError


class Storage(Interface):
    def store(self, post: str, urgent: bool = False) -> None: ...
    async def fetch(self, post_id: str) -> str: ...


def test_a_missing_method_is_named_with_its_nearest_look_alike():
    class StorageEU(Implements[Storage]):
        def stor(self, post, urgent=False): ...
        async def fetch(self, post_id): ...

    assert fault_of(StorageEU) == (
        "StorageEU: method 'store' of interface Storage is missing. Did you mean 'stor'? "
        "Expected `def store(self, post, urgent=False)`."
    )


def test_a_method_that_is_only_inherited_from_the_interface_is_missing():
    class StorageEU(Implements[Storage], Storage):
        async def fetch(self, post_id): ...

    assert fault_of(StorageEU) == (
        "StorageEU: method 'store' of interface Storage is missing. Expected `def store(self, post, urgent=False)`."
    )


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        (lambda self, text, urgent=False: ..., "(self, text, urgent=False)"),
        (lambda self, post: ..., "(self, post)"),
        (lambda self, post, urgent=True: ..., "(self, post, urgent=True)"),
        (lambda self, post, urgent=0: ..., "(self, post, urgent=0)"),
        (lambda self, post, *, urgent=False: ..., "(self, post, *, urgent=False)"),
        (lambda self, post, urgent=False, more=1: ..., "(self, post, urgent=False, more=1)"),
        (lambda self, *args: ..., "(self, *args)"),
    ],
    ids=["name", "absent", "default", "type of default", "kind", "extra", "star"],
)
def test_a_signature_must_have_the_same_names_kinds_and_defaults(wrong, shown):
    class StorageEU(Implements[Storage]):
        store = wrong

        async def fetch(self, post_id): ...

    assert fault_of(StorageEU) == (
        f"StorageEU.store: takes {shown}, but interface Storage says (self, post, urgent=False); "
        "names, kinds and defaults must be the same."
    )


def test_the_interface_decides_what_is_async():
    class StorageEU(Implements[Storage]):
        async def store(self, post, urgent=False): ...
        def fetch(self, post_id): ...

    assert faults_of(StorageEU) == (
        "StorageEU.fetch: is `def`, but interface Storage says `async def`. "
        "Write `async def fetch(self, post_id)`, or change the interface.",
        "StorageEU.store: is `async def`, but interface Storage says `def`. "
        "Write `def store(self, post, urgent=False)`, or change the interface.",
    )


@pytest.mark.parametrize("kind", [property, classmethod, staticmethod, cached_property])
def test_an_interface_has_plain_methods_only(kind):
    class Feed(Interface):
        size = kind(lambda self: 3)

    class FeedEU(Implements[Feed]):
        def size(self): ...

    assert fault_of(FeedEU) == (
        f"Feed.size: is a {kind.__name__}, but callers can only use plain methods, `def` or `async def` with `self`. "
        "Make it one."
    )


def test_a_component_that_is_its_own_interface_keeps_properties_to_itself():
    class Reverser(Component):
        @property
        def size(self): ...

    assert fault_of(Reverser) == (
        "Reverser.size: is a property, but callers can only use plain methods, `def` or `async def` with `self`. "
        "Make it one, or call it `_size`."
    )


def test_an_interface_has_no_data():
    class Feed(Interface):
        size: int

    class FeedEU(Implements[Feed]): ...

    assert fault_of(FeedEU) == ("Feed.size: is a data attribute, but an interface has methods only. Make it a method.")


@pytest.mark.parametrize("name", ["init", "shutdown", "config", "logger", "weaver"])
def test_an_interface_may_not_use_reserved_names(name):
    Feed = type("Feed", (Interface,), {name: lambda self: None})

    class FeedEU(Implements[Feed]): ...

    assert fault_of(FeedEU) == (
        f"Feed.{name}: `{name}` is reserved for WeaverLab; an interface must call its method otherwise."
    )


@pytest.mark.parametrize("name", ["config", "logger", "weaver"])
def test_a_component_may_not_use_the_names_that_are_filled(name):
    Reverser = type("Reverser", (Component,), {name: lambda self: None})

    assert fault_of(Reverser) == f"Reverser.{name}: `{name}` is filled by WeaverLab; choose another name for your own."


def test_a_method_needs_self():
    class Reverser(Component):
        def reverse(): ...

    assert fault_of(Reverser) == "Reverser.reverse: its first parameter must be `self`."


@pytest.mark.parametrize("name", ["init", "shutdown"])
def test_init_and_shutdown_take_nothing(name):
    Reverser = type("Reverser", (Component,), {name: lambda self, size: None})

    assert fault_of(Reverser) == (
        f"Reverser.{name}: takes (self, size), but WeaverLab calls it without arguments: write `def {name}(self)`. "
        "What it needs comes from `self`: refs, config, listeners."
    )


def test_init_must_be_a_method():
    class Reverser(Component):
        init = 3

    assert fault_of(Reverser) == "Reverser.init: must be a method, `def init(self)` or `async def init(self)`."


def test_init_may_not_be_a_generator():
    class Reverser(Component):
        def init(self):
            yield

    assert "Reverser.init: uses `yield`" in fault_of(Reverser)


def test_a_main_has_a_body():
    class App(Main):
        def mian(self): ...

    assert fault_of(App) == "App: is a Main without a body. Did you mean 'mian'? Write `def main(self)`."


def test_the_body_takes_nothing():
    class App(Main):
        async def main(self, argv): ...

    assert fault_of(App) == (
        "App.main: takes (self, argv), but WeaverLab calls it without arguments: write `async def main(self)`. "
        "What it needs comes from `self`: refs, config, listeners."
    )


def test_the_body_may_not_be_a_generator():
    class App(Main):
        def main(self):
            yield

    assert "App.main: uses `yield`" in fault_of(App)


def test_an_own_constructor_takes_nothing_but_optional_arguments():
    class Reverser(Component):
        def __init__(self, size, depth, more=1, *args, **options): ...

    class Fine(Component):
        def __init__(self, more=1, *args, **options): ...

    assert build_application([Fine])
    assert fault_of(Reverser) == (
        "Reverser.__init__: requires size, depth, but WeaverLab makes components without arguments. "
        "Declare what it needs as refs, listeners or config, and use it in `def init(self)`."
    )


def test_an_abstract_component_cannot_be_deployed():
    from abc import ABC, abstractmethod

    class Reverser(Component, ABC):
        @abstractmethod
        def reverse(self, text): ...

    assert fault_of(Reverser) == "Reverser: is abstract (not defined: reverse), so no instance of it can be made."


def test_not_retriable_marks_methods_on_the_interface_or_on_the_implementation():
    class Feed(Interface):
        @not_retriable
        def post(self) -> None: ...

    class FeedEU(Implements[Feed]):
        def post(self): ...

    (post,) = build_application([FeedEU]).components["FeedEU"].methods
    assert not post.retriable


def test_not_retriable_marks_nothing_but_methods():
    with pytest.raises(DeclarationError, match=r"@not_retriable marks methods; <property .* is not one"):
        not_retriable(property(lambda self: 3))


def test_all_faults_of_all_components_are_reported_together():
    class StorageEU(Implements[Storage]):
        def store(self, post): ...

    class App(Main):
        def init(self, x): ...

    faults = faults_of(StorageEU, App)

    assert [fault.split(":")[0] for fault in faults] == ["StorageEU", "StorageEU.store", "App", "App.init"]
