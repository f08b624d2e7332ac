"""A coroutine on a loop of its own thread: its end reaches whoever waits, and so does Ctrl-C, at any moment."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from weaverlab.transport import LoopThread, loop

PATIENCE_S = 10.0


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread("tested")
    yield thread
    thread.stop()


class Body:
    """A coroutine that waits for ever, and says how far it came."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.said: list[str] = []

    async def run(self) -> None:
        self.said.append("begun")
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            self.said.append("cleaned up")


def test_the_result_and_the_exception_of_a_coroutine_reach_whoever_waits(thread: LoopThread) -> None:
    async def add(one: int, other: int) -> int:
        return one + other

    async def fail() -> None:
        raise LookupError("not here")

    assert thread.run(add(1, 2)) == 3
    with pytest.raises(LookupError, match="not here"):
        thread.run(fail())


def test_a_coroutine_that_takes_too_long_is_cancelled_and_cleans_up(thread: LoopThread) -> None:
    body = Body()

    with pytest.raises(concurrent.futures.TimeoutError):
        thread.run(body.run(), 0.05)

    assert body.said == ["begun", "cleaned up"]


def interrupted_after(monkeypatch: pytest.MonkeyPatch, wait: Callable[[], object]) -> None:
    """Let Ctrl-C come as soon as a coroutine is on its way to the loop, after `wait`, before anybody waits for it."""
    submit = asyncio.run_coroutine_threadsafe

    def submit_and_interrupt(coroutine: Any, loop: asyncio.AbstractEventLoop) -> Any:
        submit(coroutine, loop)
        wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.asyncio, "run_coroutine_threadsafe", submit_and_interrupt)


def test_ctrl_c_before_anybody_waits_lets_a_coroutine_that_runs_clean_up(
    thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = Body()
    interrupted_after(monkeypatch, lambda: body.begun.wait(PATIENCE_S))

    with pytest.raises(KeyboardInterrupt):
        thread.run(body.run())

    monkeypatch.undo()
    assert body.said == ["begun", "cleaned up"]


def test_ctrl_c_before_a_coroutine_has_begun_keeps_it_from_beginning(
    thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = Body()
    may_go_on = threading.Event()
    thread.loop.call_soon_threadsafe(may_go_on.wait, PATIENCE_S)  # so that nothing begins on the loop
    interrupted_after(monkeypatch, lambda: None)
    threading.Timer(0.05, may_go_on.set).start()

    with pytest.raises(KeyboardInterrupt):
        thread.run(body.run())

    monkeypatch.undo()
    assert body.said == []
