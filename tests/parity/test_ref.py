"""`Ref[T]`: a field filled with a handle to T, called as if it were T; here or in another process."""

from __future__ import annotations

import inspect
import os

import pytest

import weaverlab as weaver
from weaverlab import Component, Implements, Interface, Ref


class Reverser(Interface):
    def reverse(self, text: str, *, times: int = 1) -> tuple[str, int]:
        """Return the text backwards, and the process that did it."""
        ...

    async def reverse_later(self, text: str) -> str: ...


class Turner(Implements[Reverser], Reverser):
    def reverse(self, text: str, *, times: int = 1) -> tuple[str, int]:
        return text[::-1] if times % 2 else text, os.getpid()

    async def reverse_later(self, text: str) -> str:
        return text[::-1]


class Caller(Component):
    reverser: Ref[Reverser]  # by its interface
    turner: Ref[Turner]  # by its class: the same component

    async def call(self) -> tuple[str, str, str, int, int]:
        backwards, pid = self.reverser.reverse("abc")
        twice, _ = self.turner.reverse("abc", times=2)
        return backwards, twice, await self.reverser.reverse_later("xy"), pid, os.getpid()


async def test_a_ref_is_called_as_if_it_were_the_component(deployer: str) -> None:
    with weaver.deploy(Caller, deployer=deployer) as app:
        backwards, twice, later, callee_pid, caller_pid = await app.get(Caller).call()

    assert (backwards, twice, later) == ("cba", "abc", "yx")
    assert (callee_pid == caller_pid) is (deployer != "multi")
    assert (caller_pid == os.getpid()) is (deployer != "multi")


async def test_components_that_are_colocated_call_each_other_in_one_process(deployer: str) -> None:
    with weaver.deploy(Caller, deployer=deployer, colocate=[[Caller, Reverser]]) as app:
        *_, callee_pid, caller_pid = await app.get(Caller).call()

    assert callee_pid == caller_pid


def test_a_handle_has_the_signature_and_the_words_of_its_interface(deployer: str) -> None:
    with weaver.deploy(Turner, deployer=deployer) as app:
        handle = app.get(Reverser)

        assert str(inspect.signature(handle.reverse)).startswith("(text")
        assert "Return the text backwards" in str(handle.reverse.__doc__)
        assert repr(handle) == "<handle to Turner: reverse, reverse_later>"
        with pytest.raises(TypeError, match="unexpected keyword argument 'time'"):
            handle.reverse("abc", time=2)  # type: ignore[call-arg]
        with pytest.raises(AttributeError, match=r"no method 'revers'.*Did you mean 'reverse'"):
            handle.revers("abc")  # type: ignore[attr-defined]
