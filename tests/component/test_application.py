"""Right declarations, and the application that comes out of them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from weaverlab.component import (
    Component,
    Implements,
    Interface,
    Listener,
    Main,
    Ref,
    WithConfig,
    build_application,
    instance_of,
    not_retriable,
)
from weaverlab.errors import DeclarationError


class Agent:
    """Stands for `stores.Antipode`, which component knows only by its mark."""

    __weaver_field__ = "agent"


class Storage(Interface):
    def store(self, post: str, *, urgent: bool = False) -> None: ...
    async def fetch(self, post_id: str) -> str: ...


@dataclass
class Settings:
    size: int = 3


class StorageEU(Implements[Storage], WithConfig[Settings], Storage):
    posts: Agent

    def store(self, post: str, *, urgent: bool = False) -> None:
        self._count = 1

    @not_retriable
    async def fetch(self, post_id: str) -> str:
        return post_id

    def local_helper(self) -> None: ...


class Counter(Component):
    storage: Ref[StorageEU]
    ticks: int

    def init(self) -> None:
        self.ticks = 0

    def shutdown(self) -> None: ...

    def count(self, amount: int = 1) -> int:
        return amount


class App(Main):
    counter: Ref[Counter]
    storage: Ref[Storage]
    again: Ref[Storage]
    web: Listener
    admin: Listener = Listener(name="console")

    async def main(self) -> None: ...


APPLICATION = build_application([App])


def test_components_reached_through_refs_belong_to_the_application_and_come_before_their_callers():
    assert list(APPLICATION.components) == ["StorageEU", "Counter", "App"]


def test_a_spec_says_everything_the_runtime_needs():
    app, storage = APPLICATION.components["App"], APPLICATION.components["StorageEU"]

    assert app.refs == {"counter": "Counter", "storage": "StorageEU", "again": "StorageEU"}
    assert app.listeners == {"web": "web", "admin": "console"}
    assert app.is_main
    assert (storage.implementation, storage.interface) == (StorageEU, Storage)
    assert storage.agents == {"posts": "posts"}
    assert storage.config_class is Settings
    assert not storage.is_main


def test_methods_are_those_of_the_interface_without_self_sorted_by_name():
    fetch, store = APPLICATION.components["StorageEU"].methods

    assert (fetch.name, fetch.is_async, fetch.retriable) == ("fetch", True, False)
    assert (store.name, store.is_async, store.retriable) == ("store", False, True)
    assert str(store.signature) == "(post: 'str', *, urgent: 'bool' = False) -> 'None'"


def test_a_component_without_interface_has_its_public_methods_except_those_of_the_life_cycle():
    assert [method.name for method in APPLICATION.components["Counter"].methods] == ["count"]
    assert APPLICATION.components["Counter"].interface is Counter


def test_the_body_of_main_is_a_method_that_is_never_repeated():
    (main,) = APPLICATION.components["App"].methods

    assert (main.name, main.is_async, main.retriable) == ("main", True, False)


def test_the_static_call_graph_has_each_edge_once():
    assert APPLICATION.edges() == (("App", "Counter"), ("App", "StorageEU"), ("Counter", "StorageEU"))


def test_method_numbers_do_not_depend_on_the_order_of_roots():
    other = build_application([StorageEU, App, Counter])

    names = [(component, method.name) for component, method in APPLICATION.methods()]
    assert names == [("App", "main"), ("Counter", "count"), ("StorageEU", "fetch"), ("StorageEU", "store")]
    assert other.methods() == APPLICATION.methods()


@pytest.mark.parametrize("key", [StorageEU, Storage, "StorageEU", "Storage"])
def test_a_component_is_found_by_its_class_its_interface_or_the_name_of_either(key):
    assert APPLICATION.resolve(key).name == "StorageEU"


def test_an_unknown_component_is_answered_with_the_nearest_name():
    with pytest.raises(DeclarationError) as caught:
        APPLICATION.resolve("Storag")

    assert str(caught.value) == (
        "'Storag' is not a component of this application. Did you mean 'Storage'? It has: App, Counter, StorageEU."
    )


def test_an_interface_with_two_implementations_in_one_application_must_be_named_more_exactly():
    class StorageUS(Implements[Storage]):
        def store(self, post, *, urgent=False): ...
        async def fetch(self, post_id): ...

    application = build_application([StorageEU, StorageUS])

    with pytest.raises(
        DeclarationError, match=r"'Storage' is implemented by StorageEU, StorageUS: name the one you mean"
    ):
        application.resolve(Storage)
    assert application.resolve(StorageUS).name == "StorageUS"


def test_a_root_decides_which_implementation_a_ref_means():
    class Cache(Interface): ...

    class Small(Implements[Cache]): ...

    class Large(Implements[Cache]): ...

    class Reader(Component):
        cache: Ref[Cache]

    assert build_application([Reader, Large]).edges() == (("Reader", "Large"),)
    assert Small  # defined, but not deployed


class Vault(Interface): ...


class SmallVault(Implements[Vault]): ...


class LargeVault(Implements[Vault]): ...


class VaultReader(Component):
    vault: Ref[Vault]


class SmallVaultReader(Component):
    vault: Ref[SmallVault]


@pytest.mark.parametrize("key", ["Vault", f"{__name__}.Vault"])
def test_an_implementation_is_chosen_by_name(key):
    application = build_application([VaultReader], {key: "LargeVault"})

    assert application.edges() == (("VaultReader", "LargeVault"),)


def test_a_root_is_nearer_than_a_choice_by_name():
    assert build_application([VaultReader, SmallVault], {"Vault": "LargeVault"}).edges() == (
        ("VaultReader", "SmallVault"),
    )
    assert build_application([VaultReader, SmallVault, LargeVault], {"Vault": "LargeVault"}).edges() == (
        ("VaultReader", "LargeVault"),
    )


def test_two_implementations_live_in_one_application_and_the_interface_means_what_its_refs_mean():
    application = build_application([VaultReader, SmallVaultReader, LargeVault])

    assert application.edges() == (("SmallVaultReader", "SmallVault"), ("VaultReader", "LargeVault"))
    assert application.resolve(Vault).name == application.resolve("Vault").name == "LargeVault"


def test_an_application_built_again_from_all_its_components_makes_the_same_choices():
    application = build_application([VaultReader, SmallVaultReader, LargeVault])
    everything = [spec.implementation for spec in application.components.values()]

    assert build_application(everything, application.chosen).edges() == application.edges()


def test_an_implementation_of_a_derived_interface_serves_refs_to_the_base_one():
    class Readable(Interface):
        def read(self) -> str: ...

    class Writable(Readable):
        def write(self, text: str) -> None: ...

    class File(Implements[Writable]):
        def read(self): ...
        def write(self, text): ...

    class Reader(Component):
        file: Ref[Readable]

    application = build_application([Reader])

    assert application.resolve(Readable).name == "File"
    assert [method.name for method in application.components["File"].methods] == ["read", "write"]


def test_an_abstract_base_is_no_candidate_for_a_ref():
    from abc import ABC, abstractmethod

    class Cache(Interface):
        def size(self) -> int: ...

    class Base(Implements[Cache], ABC):
        @abstractmethod
        def size(self): ...

    class Small(Base):
        def size(self): ...

    class Reader(Component):
        cache: Ref[Cache]

    assert build_application([Reader]).edges() == (("Reader", "Small"),)


def test_fields_and_methods_are_inherited():
    class Louder(Counter):
        web: Listener

        def shout(self) -> str: ...

    spec = build_application([Louder]).components["Louder"]

    assert spec.refs == {"storage": "StorageEU"}
    assert spec.listeners == {"web": "web"}
    assert [method.name for method in spec.methods] == ["count", "shout"]


def test_names_with_an_underscore_are_the_authors_own_business():
    class Careful(Component):
        _cache: dict[str, NotDefinedAnywhere]  # noqa: F821

        @property
        def _size(self) -> int: ...
        def _helper(self):
            yield 1

    assert build_application([Careful]).components["Careful"].methods == ()


@pytest.mark.parametrize(
    ("thing", "interface", "expected"),
    [
        (StorageEU, Storage, True),
        (StorageEU(), Storage, True),
        (StorageEU, StorageEU, True),
        (Counter(), Storage, False),
        (Counter, Counter, True),
        (object(), Storage, False),
        (3, Counter, False),
    ],
)
def test_instance_of_tells_whether_something_implements_an_interface(thing, interface, expected):
    assert instance_of(thing, interface) is expected


def test_instance_of_does_not_need_the_implementation_to_derive_from_the_interface():
    class Loose(Implements[Storage]): ...

    assert instance_of(Loose(), Storage)
