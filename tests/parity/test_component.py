"""`Component`: interface and implementation in one class, for short notebooks."""

from __future__ import annotations

import weaverlab as weaver
from weaverlab import Component


class Reverser(Component):
    def reverse(self, text: str) -> str:
        return text[::-1]

    async def reverse_later(self, text: str) -> str:
        return self._helper(text)

    def _helper(self, text: str) -> str:
        return self.reverse(text)


async def test_a_component_is_its_own_interface(deployer: str) -> None:
    with weaver.deploy(Reverser, deployer=deployer) as app:
        reverser = app.get(Reverser)

        assert reverser.reverse("abc") == await reverser.reverse_later("abc") == "cba"
        assert not hasattr(reverser, "_helper")  # names with an underscore are the author's own
