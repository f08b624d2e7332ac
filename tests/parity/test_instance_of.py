"""`instance_of(thing, T)`: is this object, or class, an implementation of T? (What type checkers say: tests/typing.)"""

from __future__ import annotations

import weaverlab as weaver
from weaverlab import Component, Implements, Interface, instance_of


class Clock(Interface):
    def looks(self) -> list[bool]: ...


class SunDial(Implements[Clock]):  # it need not derive from the interface
    def looks(self) -> list[bool]:
        return [instance_of(self, Clock), instance_of(type(self), Clock), instance_of(self, SunDial)]


class HourGlass(Component):
    def looks(self) -> list[bool]:
        return [instance_of(self, Clock), instance_of(SunDial, HourGlass), instance_of("a clock", Clock)]


def test_a_component_and_its_class_are_told_apart_from_what_only_looks_alike(deployer: str) -> None:
    with weaver.deploy(SunDial, HourGlass, deployer=deployer) as app:
        assert app.get(Clock).looks() == [True, True, True]
        assert app.get(HourGlass).looks() == [False, False, False]
