"""The only doors to time and chance. Everything else receives a `Clock` or an `Rng`, so a simulator can own both."""

from __future__ import annotations

import random
import time
from typing import Protocol


class Clock(Protocol):
    """Time as the rest of WeaverLab sees it."""

    def now_s(self) -> float:
        """Return seconds that never go back; comparable between the processes of one host, not between boots."""

    def wall_s(self) -> float:
        """Return seconds since the Unix epoch, for showing to people only."""

    def sleep(self, duration_s: float) -> None:
        """Block the calling thread for `duration_s` seconds."""


class Rng(Protocol):
    """Chance as the rest of WeaverLab sees it; the methods are those of `random.Random`."""

    def random(self) -> float: ...
    def uniform(self, a: float, b: float) -> float: ...
    def gauss(self, mu: float, sigma: float) -> float: ...
    def expovariate(self, lambd: float) -> float: ...


class SystemClock:
    """The machine's clock (CLOCK_MONOTONIC on Linux, shared by all processes of a host)."""

    now_s = staticmethod(time.monotonic)
    wall_s = staticmethod(time.time)
    sleep = staticmethod(time.sleep)


def system_rng(seed: int | None = None) -> random.Random:
    """Return the machine's chance: seeded from the operating system, or repeatable when `seed` is given."""
    return random.Random(seed)


# What the module `secrets` draws from, too; but that loads OpenSSL, which takes every `import weaverlab` 3 ms.
_unguessable = random.SystemRandom()


def secret_bytes(length: int) -> bytes:
    """Return `length` bytes that nobody can guess, for secrets and nonces."""
    return _unguessable.randbytes(length)


def unique_id(length: int = 8) -> str:
    """Return `length` hexadecimal digits that are new with overwhelming probability, for ids."""
    return secret_bytes((length + 1) // 2).hex()[:length]
