"""A component whose methods raise what ends other programs."""

from __future__ import annotations

import asyncio
import faulthandler
import functools
import json
import os
import sys
from typing import Any

from weaverlab import Component, not_retriable

KINDS = {
    "exit": lambda: sys.exit(3),
    "interrupt": lambda: _throw(KeyboardInterrupt()),
    "generator exit": lambda: _throw(GeneratorExit()),
    "cancel": lambda: _throw(asyncio.CancelledError()),
    "stop": lambda: _throw(StopIteration(7)),
    "recursion": lambda: _deeper(0),
    "recursion through C": lambda: json.dumps(nested(10_000)),
    "recursion through C and back": lambda: Reduced().value,
    "recursion of an exception's own text": lambda: _throw(Endless()),
    "memory": lambda: bytearray(1 << 62),
}


def nested(depth: int) -> list[Any]:
    """Return a list in a list in a list."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def _throw(error: BaseException) -> None:
    raise error


def _deeper(depth: int) -> int:
    return _deeper(depth + 1) + 1


class Reduced:
    """Its attribute is computed by C code that calls Python code that computes its attribute."""

    @property
    def value(self) -> int:
        return functools.reduce(lambda total, number: total + self.value, [1, 2])


class Endless(Exception):
    def __str__(self) -> str:
        return str(self)

    __repr__ = __str__


class Wicked(Component):
    def pid(self) -> int:
        return os.getpid()

    def do(self, kind: str) -> None:
        KINDS[kind]()

    async def do_async(self, kind: str) -> None:
        KINDS[kind]()

    async def do_later(self, kind: str) -> None:
        await asyncio.sleep(0)
        KINDS[kind]()

    def deep(self, depth: int) -> list[Any]:
        return nested(depth)

    def take(self, value: list[Any]) -> int:
        return len(value)

    @not_retriable
    def overflow(self) -> None:
        """Use up the stack of this thread, which Python's own limits are there to prevent."""
        faulthandler._stack_overflow()  # type: ignore[attr-defined]  # CPython's own, for its own tests
