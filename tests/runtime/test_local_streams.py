"""Streams of this process whose reading ends just when their body rests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import weaverlab as weaver
from weaverlab.observe import MethodMetrics
from weaverlab.runtime import local_streams
from weaverlab.runtime.recorder import Recorder

STATS = MethodMetrics().stats("Caller", "Callee", "numbers", remote=False)
TRACING: local_streams.Tracing = Recorder()  # type: ignore[assignment]  # not asked: there is no trace


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, when an item has been made and has not been handed out."""

    def interrupt(inside: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(local_streams, "_join", interrupt)


@pytest.mark.usefixtures("interrupted")
def test_a_body_that_rests_when_its_reader_is_interrupted_is_closed_in_its_own_context() -> None:
    ended = []

    def numbers() -> Iterator[int]:
        try:
            with weaver.metadata(of="the body"):  # which cannot be left elsewhere
                yield 1
        finally:
            ended.append("closed")

    with pytest.raises(KeyboardInterrupt):
        next(local_streams.read(numbers, "numbers", STATS, TRACING))

    assert ended == ["closed"]


@pytest.mark.usefixtures("interrupted")
async def test_so_is_an_async_one() -> None:
    ended = []

    async def numbers() -> AsyncIterator[int]:
        try:
            with weaver.metadata(of="the body"):
                yield 1
        finally:
            ended.append("closed")

    with pytest.raises(KeyboardInterrupt):
        await anext(local_streams.read_async(numbers, "numbers", STATS, TRACING))

    assert ended == ["closed"]
