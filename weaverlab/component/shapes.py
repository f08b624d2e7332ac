"""What a method answers with: one value or a stream of items, and whether its caller blocks or awaits.

    def fetch(self, key) -> Post                      one value        the caller blocks
    async def fetch(self, key) -> Post                one value        the caller awaits
    def numbers(self, n) -> Iterator[int]             a stream         for n in handle.numbers(3)
    def ticks(self) -> AsyncIterator[int]             an async stream  async for tick in handle.ticks()

A method streams because it uses `yield`, or because its annotation says so: an interface has no body, and an
implementation may return the stream of another. Not in here: how items travel (docs/streams.md).
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from enum import Enum
from types import NoneType
from typing import Any, get_args, get_origin

from weaverlab.component.annotations import Unknown, as_written, resolve

Method = Callable[..., Any]

_STREAMS: dict[object, bool] = {Iterator: False, Generator: False, AsyncIterator: True, AsyncGenerator: True}
_BY_NAME = {stream.__name__: stream for stream in (Iterator, Generator, AsyncIterator, AsyncGenerator)}


class Shape(Enum):
    """What a method is, in the words in which faults speak of it."""

    VALUE = "`def`"
    AWAITED = "`async def`"
    STREAM = "a stream (`def` with `yield`, or `-> Iterator[...]`)"
    ASYNC_STREAM = "an async stream (`async def` with `yield`, or `def` with `-> AsyncIterator[...]`)"

    @property
    def is_async(self) -> bool:
        return self in (Shape.AWAITED, Shape.ASYNC_STREAM)

    @property
    def streams(self) -> bool:
        return self in (Shape.STREAM, Shape.ASYNC_STREAM)

    def example(self, name_and_parameters: str) -> str:
        """Return how an implementation begins such a method."""
        returned = {Shape.STREAM: " -> Iterator[...]", Shape.ASYNC_STREAM: " -> AsyncIterator[...]"}.get(self, "")
        define = "async def" if self.is_async else "def"
        return f"`{define} {name_and_parameters}{returned}`" + (" with `yield`" if self.streams else "")


def shape_of(method: Method, owner: type) -> Shape:
    """Return the shape of a method that is defined in the body of `owner`."""
    if inspect.isgeneratorfunction(method):
        return Shape.STREAM
    if inspect.isasyncgenfunction(method):
        return Shape.ASYNC_STREAM
    if inspect.iscoroutinefunction(method):
        return Shape.AWAITED
    promised = _promised_stream(method, owner)
    if promised is None:
        return Shape.VALUE
    return Shape.ASYNC_STREAM if _STREAMS[promised] else Shape.STREAM


def faults_of_stream(where: str, method: Method, owner: type) -> list[str]:
    """Return why what a method says of its stream cannot be true."""
    promised = _promised_stream(method, owner)
    if promised is None:
        return []
    annotation = resolve(method.__annotations__["return"], owner)
    shown, is_async = as_written(annotation), _STREAMS[promised]
    if inspect.iscoroutinefunction(method):
        return [
            f"{where}: is `async def` without `yield`, so its caller would have to await {shown}, which cannot be "
            f"sent. Write `def` with `-> {_stream_of(annotation, is_async=True)}` in an interface, and `async def` "
            "with `yield` in a component."
        ]
    if inspect.isgeneratorfunction(method) and is_async:
        return [f"{where}: uses `yield` in `def`, but says {shown}. Write `async def`, or Iterator."]
    if inspect.isasyncgenfunction(method) and not is_async:
        return [f"{where}: uses `yield` in `async def`, but says {shown}. Write AsyncIterator, or `def`."]
    sent = get_args(annotation)[1:2] if promised in (Generator, AsyncGenerator) else ()
    if sent and sent[0] not in (None, NoneType, Any):
        return [
            f"{where}: says {shown}, but a stream goes one way: nothing can be sent into it. "
            f"Write `-> {_stream_of(annotation, is_async)}`."
        ]
    return []


def _stream_of(annotation: object, is_async: bool) -> str:
    items = get_args(annotation)[:1]
    return ("AsyncIterator" if is_async else "Iterator") + (f"[{as_written(items[0])}]" if items else "")


def _promised_stream(method: Method, owner: type) -> object | None:
    """Return which kind of stream the return annotation names; None where it names none."""
    try:
        returned = resolve(getattr(method, "__annotations__", {}).get("return"), owner)
    except Exception:  # annotations of methods are the author's; we only look for streams
        return None
    if isinstance(returned, Unknown):  # imported for the type checker only, perhaps
        return _BY_NAME.get(returned.name.rpartition(".")[2])
    stream = get_origin(returned) or returned
    return next((known for known in _STREAMS if stream is known), None)
