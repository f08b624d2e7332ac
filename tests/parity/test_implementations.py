"""Two implementations of one interface: allowed, chosen by name."""

from __future__ import annotations

import pytest

import weaverlab as weaver
from tests.parity.interfaces import Store
from weaverlab import Antipode, Component, Implements, Ref
from weaverlab.config import parse
from weaverlab.errors import DeclarationError

CHOICE = '[weaverlab]\nimplementations = { Store = "SlowStore" }\n'
STORES = '[antipode.items]\ntype = "embedded-kv"\n'


class FastStore(Implements[Store]):
    def kind(self) -> str:
        return "fast"


class SlowStore(Implements[Store]):
    items: Antipode

    def kind(self) -> str:
        return "slow"


class Reader(Component):
    store: Ref[Store]

    def kind(self) -> str:
        return self.store.kind()


class Comparer(Component):
    fast: Ref[FastStore]
    slow: Ref[SlowStore]
    store: Ref[Store]

    def kinds(self) -> list[str]:
        return [self.fast.kind(), self.slow.kind(), self.store.kind()]


def test_the_one_that_is_deployed_is_meant(deployer: str) -> None:
    with weaver.deploy(Reader, FastStore, deployer=deployer) as app:
        assert app.get(Reader).kind() == "fast"


def test_the_one_that_weaver_toml_names_is_meant(deployer: str) -> None:
    with weaver.deploy(Reader, deployer=deployer, config=parse(CHOICE + STORES)) as app:
        assert app.get(Reader).kind() == "slow"


def test_both_live_in_one_application_and_refs_name_the_one_they_mean(deployer: str) -> None:
    with weaver.deploy(Comparer, deployer=deployer, config=parse(CHOICE + STORES)) as app:
        assert app.get(Comparer).kinds() == ["fast", "slow", "slow"]
        assert app.get(Store).kind() == "slow"  # what refs to the interface mean
        assert app.get(FastStore).kind() == "fast"


def test_without_a_choice_the_error_lists_both_and_says_how_to_choose(deployer: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        weaver.deploy(Reader, deployer=deployer, config=parse(STORES))

    (fault,) = caught.value.faults
    assert fault.startswith("Reader.store: Store is implemented by ")
    assert "FastStore" in fault and "SlowStore" in fault and "implementations = { Store = " in fault
