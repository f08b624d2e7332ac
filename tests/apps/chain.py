"""Two components that work without end, one for the other, blocking or awaited; files tell how each of them fares."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from weaverlab import Component, Ref

PATIENCE_S = 40.0  # a busy machine deploys for a while


@contextlib.contextmanager
def diary(folder: str, name: str) -> Iterator[None]:
    """Leave a file when the block begins, one that names the exception that ended it, and one when it has ended."""
    Path(folder, f"{name} begins").touch()
    try:
        yield
    except BaseException as error:
        Path(folder, f"{name}: {type(error).__name__}").touch()
        raise
    finally:
        Path(folder, f"{name} ends").touch()


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def wait_entries(folder: Path, *expected: str) -> None:
    """Wait until these entries are there; fails after `PATIENCE_S`."""
    ends_s = time.monotonic() + PATIENCE_S
    while not entries(folder) >= set(expected):
        assert time.monotonic() < ends_s, f"waited in vain for {set(expected) - entries(folder)}"
        time.sleep(0.005)


class Inner(Component):
    def work(self, folder: str) -> None:
        with diary(folder, "inner"):
            while True:
                time.sleep(0.001)

    async def work_async(self, folder: str) -> None:
        with diary(folder, "inner"):
            await asyncio.Event().wait()

    def answer(self) -> int:
        return 42


class Outer(Component):
    inner: Ref[Inner]

    def work(self, folder: str) -> None:
        with diary(folder, "outer"):
            self.inner.work(folder)

    async def work_async(self, folder: str) -> None:
        with diary(folder, "outer"):
            await self.inner.work_async(folder)

    def blocks_on_async(self, folder: str) -> None:
        with diary(folder, "outer"):
            asyncio.run(self.inner.work_async(folder))

    async def awaits_a_thread(self, folder: str) -> None:
        with diary(folder, "outer"):
            await asyncio.to_thread(self.inner.work, folder)

    def answer(self) -> int:
        return self.inner.answer()
