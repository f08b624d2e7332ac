"""Routers: which methods are routed, what their keys are, and routers in notebook cells."""

from __future__ import annotations

import re
import reprlib
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from weaverlab.component import AutoMarshal, Component, Implements, Interface, Main, WithRouter, build_application
from weaverlab.component.router import key_function
from weaverlab.errors import DeclarationError, RoutingError


class Storage(Interface):
    def store(self, post_id: str, text: str = "", *, urgent: bool = False) -> None: ...
    async def fetch(self, post_id: str) -> str: ...
    def tag(self, post_id: str, *tags: str, **more: str) -> None: ...
    def count(self) -> int: ...


class Base(Implements[Storage]):
    def store(self, post_id, text="", *, urgent=False): ...
    async def fetch(self, post_id): ...
    def tag(self, post_id, *tags, **more): ...
    def count(self): ...


class Place(NamedTuple):
    city: str
    number: int


@dataclass
class Spot:
    city: str
    height: float
    note: str = field(default="", compare=False)


@dataclass
class Unfinished:
    city: str = field(init=False)


class Record(AutoMarshal):
    city: str


def key_of(router: type, *args: object) -> object:
    """The key of `fetch(*args)`, of a component with this router."""

    class StorageEU(Base, WithRouter[router]): ...

    spec = build_application([StorageEU]).components["StorageEU"]
    function = key_function(spec, next(method for method in spec.methods if method.name == "fetch"))
    assert function is not None
    return function(args)


def returning(annotation: object, result: object) -> type:
    """A router whose keys have this type, and which returns `result`."""

    class ByAnything:
        def fetch(self, post_id): ...

    def fetch(self, post_id):
        return result

    fetch.__annotations__["return"] = annotation
    ByAnything.fetch = fetch
    return ByAnything


def test_methods_without_a_method_of_the_router_are_not_routed():
    class ByPostId:
        LIMIT = 3

        class Helper: ...

        def fetch(self, post_id: str) -> str:
            return self._short(post_id)

        def store(self, post_id: str, text: str = "", *, urgent: bool = False) -> str:
            return self._short(post_id)

        def _short(self, post_id: str) -> str:
            return post_id[: self.LIMIT]

    class StorageEU(Base, WithRouter[ByPostId]): ...

    spec = build_application([StorageEU]).components["StorageEU"]

    assert spec.router is ByPostId
    assert [method.name for method in spec.methods if key_function(spec, method)] == ["fetch", "store"]


def test_a_component_without_a_router_routes_nothing():
    class StorageEU(Base): ...

    spec = build_application([StorageEU]).components["StorageEU"]

    assert spec.router is None
    assert [key_function(spec, method) for method in spec.methods] == [None] * 4


def test_the_router_sees_arguments_as_handles_pack_them():
    class ByEverything:
        def store(self, post_id, text="", *, urgent=False) -> str:
            return f"{post_id} {text} {urgent}"

        def tag(self, post_id, *tags, **more) -> str:
            return f"{post_id} {tags} {more}"

    class StorageEU(Base, WithRouter[ByEverything]): ...

    spec = build_application([StorageEU]).components["StorageEU"]
    _, _, store, tag = [key_function(spec, method) for method in spec.methods]

    assert store(("p", "hello", {"urgent": True})) == "p hello True"
    assert tag(("p", "a", "b", {"c": "d"})) == "p ('a', 'b') {'c': 'd'}"


def test_a_component_that_is_its_own_interface_and_a_main_may_have_routers():
    class ByText:
        def reverse(self, text: str) -> str:
            return text

    class Reverser(Component, WithRouter[ByText]):
        def reverse(self, text: str) -> str: ...
        def init(self): ...

    class App(WithRouter[ByText], Main):
        def reverse(self, text: str) -> str: ...
        def main(self): ...

    app = build_application([Reverser, App])

    assert {spec.router for spec in app.components.values()} == {ByText}


def test_routers_and_routed_components_may_inherit():
    class ByPostId:
        def fetch(self, post_id: str) -> str:
            return post_id

    class ByPostIdToo(ByPostId): ...

    class StorageEU(Base, WithRouter[ByPostIdToo]): ...

    class StorageUS(StorageEU): ...

    spec = build_application([StorageUS]).components["StorageUS"]

    assert [method.name for method in spec.methods if method.key_type] == ["fetch"]


@pytest.mark.parametrize(
    ("annotation", "returned", "key"),
    [
        (str, "p", "p"),
        ("str", "p", "p"),
        (int, 17, 17),
        (int, True, True),
        (float, 0.5, 0.5),
        (float, 2, 2.0),
        (tuple[str, int], ("Bonn", 7), ("Bonn", 7)),
        ("tuple[str, 'int']", ("Bonn", 7), ("Bonn", 7)),
        (tuple[float, str], (7, "Bonn"), (7.0, "Bonn")),
        (Place, Place("Bonn", 7), ("Bonn", 7)),
        ("Place", Place("Bonn", 7), ("Bonn", 7)),
        (Place, ("Bonn", 7), ("Bonn", 7)),
        (Spot, Spot("Bonn", 60, "by the river"), ("Bonn", 60.0)),
        (Record, Record("Bonn"), ("Bonn",)),
    ],
    ids=repr,
)
def test_a_key_has_the_declared_type_and_a_record_is_a_tuple(annotation, returned, key):
    found = key_of(returning(annotation, returned), "p")

    assert found == key
    if isinstance(key, tuple):
        assert [type(part) for part in found] == [type(part) for part in key]
    else:
        assert type(found) is type(key)


@pytest.mark.parametrize(
    ("annotation", "returned", "problem"),
    [
        (str, 17, "returned 17, which is of type int; expected str."),
        (int, "17", "returned '17', which is of type str; expected int."),
        (int, 1.0, "returned 1.0, which is of type float; expected int."),
        (str, None, "returned None, which is of type NoneType; expected str."),
        (float, "1", "returned '1', which is of type str; expected float."),
        (float, 10**400, "int too large to convert to float; expected float."),
        (tuple[str, int], "Bonn", "returned 'Bonn', which is of type str; expected tuple[str, int]."),
        (tuple[str, int], ("Bonn",), "returned ('Bonn',), which has 1 parts, not 2; expected tuple[str, int]."),
        (
            tuple[str, int],
            ("Bonn", "7"),
            "returned ('Bonn', '7'), whose key[1] is of type str; expected tuple[str, int].",
        ),
        (Place, ("Bonn", None), "returned ('Bonn', None), whose key.number is of type NoneType; expected Place."),
        (Spot, Place("Bonn", 7), "returned Place(city='Bonn', number=7), which is of type Place; expected Spot."),
        (Unfinished, Unfinished(), "'Unfinished' object has no attribute 'city'; expected Unfinished."),
    ],
    ids=lambda value: re.sub(r" at 0x[0-9a-f]+", "", reprlib.repr(value)),
)
def test_a_key_of_another_type_is_refused(annotation, returned, problem):
    with pytest.raises(RoutingError) as caught:
        key_of(returning(annotation, returned), "p")

    assert str(caught.value).startswith("StorageEU.fetch was not called: its router ByAnything.fetch returned ")
    assert str(caught.value).endswith(problem)


def test_what_a_router_raises_is_the_cause():
    class ByPostId:
        def fetch(self, post_id: str) -> str:
            return post_id[0]

    with pytest.raises(RoutingError) as caught:
        key_of(ByPostId, "")

    assert str(caught.value) == (
        "StorageEU.fetch was not called: its router ByPostId.fetch raised IndexError: string index out of range"
    )
    assert isinstance(caught.value.__cause__, IndexError)


# --- in notebook cells ---

IMPORTS = """
from dataclasses import dataclass
from weaverlab.component import *
class Storage(Interface):
    def fetch(self, post_id: str) -> str: ...
"""
KEY = """
@dataclass
class PostKey:
    post_id: str
"""
ROUTER = """
class ByPostId:
    def fetch(self, post_id: str) -> {}:
        return PostKey(post_id)
"""
COMPONENT = """
class StorageEU(Implements[Storage], WithRouter[{}]):
    def fetch(self, post_id): ...
"""
Run = Callable[..., types.ModuleType]


@pytest.fixture
def run() -> Iterator[Run]:
    """Run cells in a module that plays the notebook's `__main__`, and return it."""
    module = types.ModuleType("notebook_of_this_test")
    sys.modules[module.__name__] = module

    def run(*cells: str) -> types.ModuleType:
        for cell in cells:
            exec(compile(cell, "<cell>", "exec", dont_inherit=True), vars(module))
        return module

    run(IMPORTS)
    yield run
    del sys.modules[module.__name__]


def keys(notebook: types.ModuleType, post_id: str) -> object:
    spec = build_application([notebook.StorageEU]).components["StorageEU"]
    return key_function(spec, spec.methods[0])((post_id,))


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_cells_may_come_in_any_order_and_annotations_be_strings(run: Run, future: str):
    annotation = "PostKey" if future else "'PostKey'"

    notebook = run(COMPONENT.format("'ByPostId'"), future + ROUTER.format(annotation), future + KEY)

    assert keys(notebook, "p") == ("p",)


def test_the_interface_may_come_last(run: Run):
    notebook = run(
        KEY, ROUTER.format("PostKey"), COMPONENT.format("ByPostId").replace("[Storage]", "['Posts']"), "Posts = Storage"
    )

    assert keys(notebook, "p") == ("p",)


def test_running_a_cell_again_replaces_the_router_and_its_keys(run: Run):
    notebook = run(KEY, ROUTER.format("PostKey"), COMPONENT.format("ByPostId"))

    run(KEY, ROUTER.format("PostKey").replace("(post_id)", "(post_id * 2)"), KEY)

    assert keys(notebook, "p") == ("pp",)


def test_running_the_cell_of_its_keys_again_changes_the_type_of_keys(run: Run):
    notebook = run(KEY, ROUTER.format("PostKey"), COMPONENT.format("ByPostId"))

    run(KEY + "    shard: int = 7\n")

    assert keys(notebook, "p") == ("p", 7)


def test_a_running_router_still_works_when_the_cell_of_its_keys_is_run_again(run: Run):
    notebook = run(KEY, ROUTER.format("PostKey"), COMPONENT.format("ByPostId"))
    spec = build_application([notebook.StorageEU]).components["StorageEU"]
    deployed = key_function(spec, spec.methods[0])

    run(KEY)

    assert deployed(("p",)) == ("p",)


def test_names_that_nothing_defines_are_faults_of_the_application(run: Run):
    notebook = run(COMPONENT.format("'ByPostIt'"), KEY, ROUTER.format("'PostKay'"))

    with pytest.raises(DeclarationError) as caught:
        build_application([notebook.StorageEU])
    assert caught.value.faults == (
        "StorageEU: WithRouter[ByPostIt], but 'ByPostIt' is not defined. Did you mean 'ByPostId'?",
    )

    run(COMPONENT.format("ByPostId"))

    with pytest.raises(DeclarationError) as caught:
        build_application([notebook.StorageEU])
    assert caught.value.faults == ("ByPostId.fetch: its key is PostKay, which is not defined. Did you mean 'PostKey'?",)
