"""An application whose callees a test wants to replace: a clock that needs the network, and a bank with money."""

from __future__ import annotations

import os

from weaverlab import Component, Implements, Interface, Ref


class Clock(Interface):
    """Says what time it is."""

    def now_s(self) -> float: ...
    def add(self, *names: str, zone: str = "UTC", **notes: str) -> str: ...
    async def wait(self, seconds: float) -> float: ...


class Network(Component):
    """Must not be started by a test."""

    def init(self) -> None:
        raise ConnectionError("there is no network here")

    def ask(self) -> float:
        raise NotImplementedError


class AtomicClock(Implements[Clock], Clock):
    network: Ref[Network]

    def now_s(self) -> float:
        return self.network.ask()

    def add(self, *names: str, zone: str = "UTC", **notes: str) -> str:
        raise NotImplementedError

    async def wait(self, seconds: float) -> float:
        raise NotImplementedError


class Bank(Component):
    network: Ref[Network]

    def pay(self, amount: int, to: str = "nobody") -> int:
        raise NotImplementedError

    def shutdown(self) -> None:
        raise NotImplementedError


class Alarm(Component):
    clock: Ref[Clock]
    bank: Ref[Bank]

    def hour(self) -> int:
        return int(self.clock.now_s() // 3600)

    def notes(self) -> str:
        return self.clock.add("a", "b", zone="CET", day="Monday")

    async def snooze(self, seconds: float) -> float:
        return await self.clock.wait(seconds)

    def bill(self, amount: int) -> int:
        return self.bank.pay(amount)

    def pid(self) -> int:
        return os.getpid()
