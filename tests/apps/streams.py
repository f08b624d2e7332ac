"""Components whose methods stream, and that tell afterwards what happened to their generators."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextvars import ContextVar
from typing import Any

import weaverlab as weaver
from weaverlab import Antipode, Component, Interface, Ref, not_retriable
from weaverlab.runtime import context

ITEM_BYTES = 256 * 1024

_mine: ContextVar[str] = ContextVar("mine", default="nobody's")


class TooMany(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Source(Component):
    """Streams of every kind. `ended` lists the generators whose `finally` has run."""

    def init(self) -> None:
        self.produced = 0
        self.began: list[str] = []
        self.ended: list[str] = []

    # What happened

    def count(self) -> int:
        return self.produced

    def beginnings(self) -> list[str]:
        return self.began

    def endings(self) -> list[str]:
        return self.ended

    def pid(self) -> int:
        return os.getpid()

    # Streams for blocking readers

    def numbers(self, n: int, name: str = "numbers") -> Iterator[int]:
        self.began.append(name)
        try:
            for number in range(n):
                self.produced += 1
                yield number
        finally:
            self.ended.append(name)

    def forever(self, name: str = "forever") -> Iterator[int]:
        yield from self.numbers(2**62, name)

    def blocks(self) -> Iterator[bytes]:
        while True:
            self.produced += 1
            yield bytes(ITEM_BYTES)

    def slowly(self, n: int, pause_s: float) -> Iterator[int]:
        for number in range(n):
            time.sleep(pause_s)
            yield number

    def stuck(self) -> Iterator[int]:
        """Yield one item, and go on for ever without another."""
        try:
            yield 1
            while True:
                time.sleep(0.01)
        finally:
            self.ended.append("stuck")

    def counted(self, n: int) -> Generator[int, None, str]:
        yield from range(n)
        return f"{n} in all"

    def fails_after(self, n: int) -> Iterator[int]:
        yield from range(n)
        raise TooMany(n)

    def fails_at_once(self) -> Iterator[int]:
        raise TooMany(0)
        yield 1

    def unpicklable(self) -> Iterator[Any]:
        try:
            yield 1
            yield (number for number in range(3))
            yield 2
        finally:
            self.ended.append("unpicklable")

    def values(self, *values: Any, **named: Any) -> Iterator[Any]:
        yield from values
        yield from named.items()

    def seen(self, n: int) -> Iterator[tuple[dict[str, str], bool, str]]:
        """Yield what the context says each time, and try to leave something in it."""
        for number in range(n):
            yield weaver.current_metadata(), context.remaining_s() is not None, _mine.get()
            _mine.set(f"the body's {number}")
            with weaver.metadata(left="behind"), weaver.timeout(60.0):
                yield weaver.current_metadata(), context.remaining_s() is not None, _mine.get()

    @not_retriable
    def ends_its_process_at(self, n: int, name: str = "") -> Iterator[int]:
        self.began.append(name)
        yield from range(n)
        os._exit(9)

    def dies_at_first(self, marker: str) -> Iterator[int]:
        """End the process of whoever executes it first, before anything is yielded."""
        try:
            open(marker, "x").close()
        except FileExistsError:
            yield from range(3)
        else:
            os._exit(9)

    # And for readers that await

    async def ticks(self, n: int, name: str = "ticks") -> AsyncIterator[int]:
        self.began.append(name)
        try:
            for number in range(n):
                self.produced += 1
                yield number
                await asyncio.sleep(0)
        finally:
            self.ended.append(name)

    async def rests(self, name: str = "rests") -> AsyncIterator[int]:
        """Yield one item and wait for nothing."""
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            self.ended.append(name)

    async def ticks_fail_after(self, n: int) -> AsyncIterator[int]:
        for number in range(n):
            yield number
        raise TooMany(n)

    async def ticks_seen(self, n: int) -> AsyncIterator[tuple[dict[str, str], bool, str]]:
        for number in range(n):
            yield weaver.current_metadata(), context.remaining_s() is not None, _mine.get()
            await asyncio.sleep(0)
            _mine.set(f"the body's {number}")
            with weaver.metadata(left="behind"), weaver.timeout(60.0):
                yield weaver.current_metadata(), context.remaining_s() is not None, _mine.get()

    async def ticks_end_their_process_at(self, n: int) -> AsyncIterator[int]:
        for number in range(n):
            yield number
            await asyncio.sleep(0)
        os._exit(9)

    async def echo(self, value: Any) -> Any:
        return value


class Relay(Component):
    """Streams what another component streams."""

    source: Ref[Source]

    def doubled(self, n: int) -> Iterator[int]:
        for number in self.source.numbers(n):
            yield 2 * number

    def whole(self) -> Iterator[int]:
        return self.source.forever("relayed")

    async def ticks(self, n: int) -> AsyncIterator[int]:
        async for tick in self.source.ticks(n):
            yield -tick

    def seen(self) -> Iterator[Any]:
        return self.source.seen(1)


class Writer(Component):
    """Streams what it writes, so that whoever reads an item depends on it."""

    posts: Antipode

    def writes(self, n: int) -> Iterator[bytes]:
        for number in range(n):
            self.posts.write("posts", str(number), "text")
            yield weaver.get_lineage()

    async def ticks(self, n: int) -> AsyncIterator[bytes]:
        for number in range(n):
            self.posts.write("posts", str(number), "text")
            yield weaver.get_lineage()

    def writes_first(self, n: int) -> Iterator[bytes]:
        """Write before the first item only."""
        self.posts.write("posts", "0", "text")
        for _ in range(n):
            yield weaver.get_lineage()


class Feed(Interface):
    def numbers(self, n: int) -> Iterator[int]: ...
    def ticks(self, n: int) -> AsyncIterator[int]: ...


class Adder(Component):
    """Adds up what a feed streams."""

    feed: Ref[Feed]

    def total(self, n: int) -> int:
        return sum(self.feed.numbers(n))

    async def total_async(self, n: int) -> int:
        return sum([tick async for tick in self.feed.ticks(n)])
