"""A small application that uses every kind of declaration; deployed by many tests."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from dataclasses import dataclass

import weaverlab as weaver
from weaverlab import Antipode, AutoMarshal, Component, Implements, Interface, Listener, Main, Ref, WithConfig
from weaverlab.config import Config, parse

CONFIG_TEXT = """
[regions]
eu = ["Storage"]
us = ["Mirror"]

[antipode.items]
type = "embedded-kv"
regions = ["eu", "us"]
lag_ms = 50

[Storage]
greeting = "stored"
"""


def config() -> Config:
    return parse(CONFIG_TEXT)


class Item(AutoMarshal):
    name: str
    price: int


class SoldOut(Exception):
    def __init__(self, name: str, left: int) -> None:
        super().__init__(name, left)
        self.name = name
        self.left = left


class Catalogue(Interface):
    """Where items are kept."""

    def store(self, item: Item) -> str: ...
    def fetch(self, name: str) -> Item: ...
    def buy(self, name: str, count: int = 1, *, reason: str = "none", **notes: str) -> str: ...
    def pid(self) -> int: ...
    async def slow_double(self, number: int) -> int: ...
    async def wait_for_ever(self) -> None: ...


@dataclass
class StorageSettings:
    greeting: str = "hello"


class Storage(Implements[Catalogue], WithConfig[StorageSettings], Catalogue):
    items: Antipode

    def init(self) -> None:
        self.cancelled = threading.Event()

    def store(self, item: Item) -> str:
        self.items.write("items", item.name, item)
        self.logger.info("stored %s", item.name)
        return f"{self.config.greeting} {item.name}"

    def fetch(self, name: str) -> Item:
        item: Item = self.items.read("items", name).value
        return item

    def buy(self, name: str, count: int = 1, *, reason: str = "none", **notes: str) -> str:
        try:
            raise KeyError(name)
        except KeyError as missing:
            if count > 10:
                raise SoldOut(name, 10) from missing
        return f"{count} {name} because {reason} {sorted(notes.items())} by {weaver.current_metadata().get('user')}"

    def pid(self) -> int:
        return os.getpid()

    async def slow_double(self, number: int) -> int:
        await asyncio.sleep(0.001)
        return 2 * number

    async def wait_for_ever(self) -> None:
        await asyncio.Event().wait()


class Mirror(Component):
    """Reads in the other region."""

    items: Antipode

    def fetch_now(self, name: str) -> Item | None:
        try:
            item: Item = self.items.read("items", name).value
        except KeyError:
            return None
        return item

    def fetch_after_barrier(self, name: str) -> Item | None:
        self.items.barrier()
        return self.fetch_now(name)


class Front(Component):
    """Calls the other two."""

    catalogue: Ref[Catalogue]
    mirror: Ref[Mirror]

    def add_and_mirror(self, item: Item, with_barrier: bool) -> bool:
        """Return whether the other region shows an item that was stored just now."""
        with weaver.request():
            self.catalogue.store(item)
            read = self.mirror.fetch_after_barrier if with_barrier else self.mirror.fetch_now
            return read(item.name) is not None

    async def doubles(self, numbers: list[int]) -> list[int]:
        return list(await asyncio.gather(*(self.catalogue.slow_double(n) for n in numbers)))


class Shop(Main):
    front: Ref[Front]
    web: Listener

    def main(self) -> None:
        self.logger.info("open at %s", self.web.addr)
        print("printed by main")


class Polite(Component):
    """Says goodbye."""

    def shutdown(self) -> None:
        print("goodbye")


class Fragile(Component):
    """Fails in every way a component can."""

    def pid(self) -> int:
        return os.getpid()

    def die(self, number: int = signal.SIGKILL) -> None:
        os.kill(os.getpid(), number)

    @weaver.not_retriable
    def say_and_exit(self) -> None:
        self.logger.info("logged")
        print("printed", flush=True)
        os._exit(3)

    @weaver.not_retriable
    def die_once(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def sleep(self, gate: str) -> None:
        """Block until somebody writes to the FIFO `gate`."""
        with open(gate) as pipe:
            pipe.read()

    def exit(self) -> None:
        raise SystemExit(3)

    def unpicklable_error(self) -> None:
        raise Unpicklable(threading.Lock())


class Unpicklable(Exception):
    pass
