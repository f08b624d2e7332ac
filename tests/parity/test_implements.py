"""`Implements[T]`: a class implements component interface T, wherever T lives; what does not fit is one error."""

from __future__ import annotations

import pytest

import weaverlab as weaver
from tests.parity.interfaces import Cache
from weaverlab import Component, Implements, Interface, Main, Ref
from weaverlab.errors import DeclarationError


class DictCache(Implements[Cache]):
    def init(self) -> None:
        self.values: dict[str, str] = {}

    def put(self, key: str, value: str) -> None:
        self.values[key] = value

    def get(self, key: str, default: str = "") -> str:
        return self.values.get(key, default)

    async def size(self) -> int:
        return len(self.values)


class App(Main):
    cache: Ref[Cache]

    async def main(self) -> None:
        self.cache.put("a", "1")
        assert (self.cache.get("a"), self.cache.get("b", "none"), await self.cache.size()) == ("1", "none", 1)


def test_an_interface_of_another_module_is_implemented_and_called(deployer: str) -> None:
    with weaver.deploy(App, deployer=deployer) as app:
        app.run_main()

        assert app.get(Cache).get("a") == app.get(DictCache).get("a") == app.get("Cache").get("a") == "1"


def test_missing_and_mismatched_methods_are_one_error_that_lists_all_of_them(deployer: str) -> None:
    class Queue(Interface):
        def push(self, item: str) -> None: ...
        def pop(self) -> str: ...
        async def size(self) -> int: ...

    class Wrong(Implements[Queue]):
        def push(self, thing: str) -> None: ...
        def popp(self) -> str: ...
        def size(self) -> int: ...

    with pytest.raises(DeclarationError) as caught:
        weaver.deploy(Wrong, deployer=deployer)

    assert caught.value.faults == (
        "Wrong: method 'pop' of interface Queue is missing. Did you mean 'popp'? Expected `def pop(self)`.",
        "Wrong.push: takes (self, thing), but interface Queue says (self, item); names, kinds and defaults must be "
        "the same.",
        "Wrong.size: is `def`, but interface Queue says `async def`. Write `async def size(self)`, or change the "
        "interface.",
    )


def test_an_interface_that_nobody_implements_is_an_error_that_names_the_ref(deployer: str) -> None:
    class Lonely(Interface): ...

    class Caller(Component):
        lonely: Ref[Lonely]

    with pytest.raises(DeclarationError, match=r"^Caller\.lonely: no component implements Lonely\."):
        weaver.deploy(Caller, deployer=deployer)
