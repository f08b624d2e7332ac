"""Front calls Desk, Desk calls Ledger, Archive calls Ledger and a datastore, Lonely calls nobody."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

from weaverlab import Antipode, Component, Ref


class Ledger(Component):
    """Writes down what it is told; whoever reads the files of its process finds it."""

    def init(self) -> None:
        self._entries: list[object] = []

    def enter(self, entry: object) -> int:
        self._entries.append(entry)
        return len(self._entries)

    def entries(self) -> list[object]:
        return self._entries

    def lines(self, count: int) -> Iterator[str]:
        for number in range(count):
            yield f"line {number}" * 100

    async def lines_async(self, count: int) -> AsyncIterator[str]:
        for line in self.lines(count):
            yield line

    async def enter_async(self, entry: object) -> int:
        return self.enter(entry)

    def pid(self) -> int:
        return os.getpid()


class Desk(Component):
    """Calls the ledger."""

    ledger: Ref[Ledger]

    def echo(self, value: object) -> object:
        self.ledger.enter(value)
        return value

    async def echo_async(self, value: object) -> object:
        await self.ledger.enter_async(value)
        return value

    def ledger_pid(self) -> int:
        return self.ledger.pid()


class Front(Component):
    """Calls the desk, so it may not call the ledger."""

    desk: Ref[Desk]

    def echo(self, value: object) -> object:
        return self.desk.echo(value)

    async def echo_async(self, value: object) -> object:
        return await self.desk.echo_async(value)


class Archive(Component):
    """Calls the ledger, and keeps things in a datastore."""

    ledger: Ref[Ledger]
    posts: Antipode

    def keep(self, key: str, value: object) -> object:
        self.posts.write("kept", key, value)
        self.ledger.enter(key)
        return self.posts.read("kept", key).value


class Lonely(Component):
    """Calls nobody."""

    def pid(self) -> int:
        return os.getpid()
