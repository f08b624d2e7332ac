"""Two versions of one application; every answer tells which versions took part in it."""

from __future__ import annotations

from weaverlab import Component, Implements, Interface, Ref


class Speller(Interface):
    def spell(self, text: str) -> tuple[str, int]:
        """Return the text in this version's spelling, and the version."""
        raise NotImplementedError


class Greeter(Interface):
    def greet(self, name: str) -> str:
        raise NotImplementedError

    async def greet_later(self, name: str) -> str:
        raise NotImplementedError


class SpellsFirst(Implements[Speller], Speller):
    def spell(self, text: str) -> tuple[str, int]:
        return text, 1


class SpellsSecond(Implements[Speller], Speller):
    def spell(self, text: str) -> tuple[str, int]:
        return text.upper(), 2


class First(Implements[Greeter], Greeter):
    speller: Ref[SpellsFirst]

    def greet(self, name: str) -> str:
        text, version = self.speller.spell(f"hello {name}")
        return f"1 {text} {version}"

    async def greet_later(self, name: str) -> str:
        return self.greet(name)


class Second(Implements[Greeter], Greeter):
    speller: Ref[SpellsSecond]

    def greet(self, name: str) -> str:
        text, version = self.speller.spell(f"hello {name}")
        return f"2 {text} {version}"

    async def greet_later(self, name: str) -> str:
        return self.greet(name)


class Broken(Component):
    def init(self) -> None:
        raise ValueError("not today")


class Asks(Component):
    def ask(self) -> str:
        return "?"
