"""A component where bad values cross: in arguments, in what is returned, and in what is raised."""

from __future__ import annotations

import os

from tests.wire.bad_values import BAD, Nested
from weaverlab import Component


class BadError(Exception):
    """An exception that carries a bad value."""


class Customs(Component):
    """Where values cross."""

    def pid(self) -> int:
        return os.getpid()

    def take(self, value: object) -> str:
        return "taken"

    def give(self, where: str, error: str) -> object:
        return BAD[where](error)

    def fail(self, where: str, error: str) -> None:
        raise BadError(BAD[where](error))

    def huge(self, size: int) -> bytes:
        return bytes(size)

    def nested(self, depth: int) -> object:
        return Nested(depth)

    async def take_async(self, value: object) -> str:
        return "taken"

    async def give_async(self, where: str, error: str) -> object:
        return BAD[where](error)

    async def fail_async(self, where: str, error: str) -> None:
        raise BadError(BAD[where](error))

    async def huge_async(self, size: int) -> bytes:
        return bytes(size)
