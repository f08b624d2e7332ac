"""The application that the suite for deployers deploys. Imports no pytest: weavelets import this."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass

from weaverlab.component import (
    AutoMarshal,
    Component,
    Implements,
    Interface,
    Listener,
    Main,
    Ref,
    WithConfig,
    not_retriable,
)
from weaverlab.runtime.context import current_metadata


class Order(AutoMarshal):
    """What is asked of the stock."""

    name: str
    count: int


class SoldOut(Exception):
    """An exception with arguments of its own."""

    def __init__(self, name: str, left: int) -> None:
        super().__init__(name, left)
        self.name = name
        self.left = left


class Stock(Interface):
    """What the shop calls."""

    def take(self, order: Order) -> Order:
        raise NotImplementedError

    def describe(self, name: str, count: int = 1, *, reason: str = "none", **notes: str) -> str:
        raise NotImplementedError

    def pid(self) -> int:
        raise NotImplementedError

    async def double(self, number: int) -> int:
        raise NotImplementedError


@dataclass
class StockSettings:
    """The section [Warehouse]."""

    left: int = 10


class Warehouse(Implements[Stock], WithConfig[StockSettings], Stock):
    """The implementation, with configuration and a farewell."""

    def take(self, order: Order) -> Order:
        try:
            raise KeyError(order.name)
        except KeyError as missing:
            if order.count > self.config.left:
                raise SoldOut(order.name, self.config.left) from missing
        self.logger.info("taken: %s", order.name)
        return order

    def describe(self, name: str, count: int = 1, *, reason: str = "none", **notes: str) -> str:
        return f"{count} {name}, {reason}, {sorted(notes.items())}, for {current_metadata().get('user')}"

    def pid(self) -> int:
        return os.getpid()

    async def double(self, number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    def shutdown(self) -> None:
        print("goodbye from the warehouse")


class Shop(Main):
    """Calls the stock, listens, and has a body."""

    stock: Ref[Stock]
    web: Listener

    def take(self, order: Order) -> Order:
        return self.stock.take(order)

    def stock_pid(self) -> int:
        return self.stock.pid()

    async def doubles(self, numbers: list[int]) -> list[int]:
        return list(await asyncio.gather(*(self.stock.double(number) for number in numbers)))

    def main(self) -> None:
        print("printed by main")
        self.logger.info("open, with %d left", self.stock.take(Order("tea", 1)).count)


class FailsInMain(Main):
    """Its body raises an exception of its own."""

    def main(self) -> None:
        raise SoldOut("everything", 0)


class FailsInInit(Component):
    """Never becomes ready."""

    def init(self) -> None:
        raise ValueError("no such disk")


class Fragile(Component):
    """Does what ends or delays a process."""

    def pid(self) -> int:
        return os.getpid()

    def exit_in_method(self) -> None:
        raise SystemExit(3)

    @not_retriable
    def die(self, code: int) -> None:
        print("my last words", flush=True)
        sys.stderr.flush()
        os._exit(code)

    @not_retriable
    def wait_for(self, fifo: str) -> str:
        """Return what somebody writes to `fifo`; the call is in flight until then."""
        with open(fifo) as pipe:
            return pipe.read()
