"""Cycles of refs are found before anything starts; the error prints the path, and all of them come together."""

from __future__ import annotations

import pytest

import weaverlab as weaver
from weaverlab import Component, Ref
from weaverlab.errors import DeclarationError


class Chicken(Component):
    egg: Ref[Egg]


class Egg(Component):
    nest: Ref[Nest]


class Nest(Component):
    bird: Ref[Chicken]


class Narcissus(Component):
    mirror: Ref[Narcissus]


def test_each_cycle_is_an_error_that_prints_its_path(deployer: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        weaver.deploy(Chicken, Narcissus, deployer=deployer)

    paths = [fault.partition(". ")[0] for fault in caught.value.faults]
    assert paths == [
        "Refs form a cycle: Chicken.egg -> Egg.nest -> Nest.bird -> Chicken",
        "Refs form a cycle: Narcissus.mirror -> Narcissus",
    ]
