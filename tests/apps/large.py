"""Components that take, change, keep and return large arrays."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy

from tests.transport.holders import segments_of
from weaverlab import Component, Ref, not_retriable


class Keeper(Component):
    def init(self) -> None:
        self.kept: list[numpy.ndarray] = []

    def echo(self, value: object) -> object:
        return value

    async def echo_async(self, value: object) -> object:
        return value

    def scribble(self, array: numpy.ndarray) -> numpy.ndarray:
        """Change the array in place, and keep it, so that its changes could still be seen later."""
        array[:] = -1.0
        self.kept.append(array)
        return array

    async def scribble_async(self, array: numpy.ndarray) -> numpy.ndarray:
        return self.scribble(array)

    def arrays(self, megabytes: int) -> Iterator[numpy.ndarray]:
        """Arrays that are full of their number, without end."""
        for number in itertools.count():
            yield numpy.full(megabytes << 17, number, dtype="f8")

    async def arrays_async(self, megabytes: int) -> AsyncIterator[numpy.ndarray]:
        for array in self.arrays(megabytes):
            yield array

    def keep(self, array: numpy.ndarray) -> None:
        self.kept.append(array)

    def sums(self) -> list[float]:
        return [float(array.sum()) for array in self.kept]

    def memory_bytes(self) -> int:
        """What this process has of memory, shared memory included."""
        status = Path("/proc/self/status").read_text()
        return 1024 * int(status.split("VmRSS:")[1].split()[0])

    def look(self) -> tuple[int, set[int], int]:
        """Return this process's number, the segments it has, and how many descriptors."""
        return os.getpid(), segments_of(), len(os.listdir("/proc/self/fd"))

    @not_retriable
    def hold(self, array: numpy.ndarray, folder: str) -> None:
        """Never answer."""
        Path(folder, "holding").touch()
        while True:
            time.sleep(0.01)


class Middle(Component):
    """A caller in a process of its own."""

    keeper: Ref[Keeper]

    def look(self) -> tuple[int, set[int], int]:
        return os.getpid(), segments_of(), len(os.listdir("/proc/self/fd"))

    def exchange(self, megabytes: int) -> bool:
        """Send arrays to and fro until they go through shared memory both ways; return whether they were right."""
        array = numpy.arange(megabytes << 17, dtype="f8")
        return all(bool((self.keeper.echo(array) == array).all()) for _ in range(4))

    @not_retriable
    def hold(self, megabytes: int, folder: str) -> None:
        self.exchange(megabytes)
        self.keeper.hold(numpy.zeros(megabytes << 17), folder)
