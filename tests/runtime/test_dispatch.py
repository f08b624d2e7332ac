"""The called side: which context a method runs in, and how callers wait for a component that is not ready."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar

import pytest

from weaverlab.antipode import Dependency, Lineage, context, transfer
from weaverlab.clock import SystemClock
from weaverlab.errors import Cancelled, DeadlineExceeded, ProtocolError
from weaverlab.runtime import failures
from weaverlab.runtime.dispatch import Dispatcher, HostedMethod
from weaverlab.runtime.dispatch_streams import StreamDispatcher
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import Identity
from weaverlab.transport import Call
from weaverlab.transport.hangups import of_this_thread
from weaverlab.wire.stream_messages import StreamCall

ELSEWHERE = Lineage([Dependency("notes", "us", 3)])
TOO_LARGE = Lineage(Dependency("notes", f"{n}", 3) for n in range(10_000))


NO_ARGUMENTS = bytearray(pickle.dumps(()))


def call(timeout_s: float = 5.0) -> Call:
    return Call(1, 0, timeout_s, NO_ARGUMENTS)


@pytest.fixture
def method() -> HostedMethod:
    return HostedMethod("look", False, Identity("Shop", "Shop/0", ""))


@pytest.fixture
def dispatcher(method: HostedMethod) -> Dispatcher:
    return Dispatcher([method], SystemClock, Recorder())


async def test_an_async_call_waits_for_the_component_and_one_that_gives_up_disturbs_no_other(
    dispatcher: Dispatcher, method: HostedMethod
) -> None:
    async def look() -> str:
        return "ready"

    patient = asyncio.create_task(dispatcher.call_async(call()))
    late = await dispatcher.call_async(call(timeout_s=0.01))
    method.open(look)

    assert isinstance(failures.unpack(late.value), DeadlineExceeded)
    assert (await patient).value == "ready"


def test_a_blocking_call_waits_no_longer_than_its_time(dispatcher: Dispatcher) -> None:
    reply = dispatcher.call(call(timeout_s=0.01))

    with pytest.raises(DeadlineExceeded, match=r"Shop\.init\(\) had not ended"):
        raise failures.unpack(reply.value)


def test_a_method_that_was_cancelled_has_run_out_of_time_for_its_caller(
    dispatcher: Dispatcher, method: HostedMethod
) -> None:
    def look() -> None:
        raise Cancelled

    method.open(look)
    with pytest.raises(DeadlineExceeded, match="while it was executed") as told:
        raise failures.unpack(dispatcher.call(call()).value)

    assert told.value.maybe_executed


@pytest.mark.parametrize(("component", "is_watched"), [("Shop", True), ("EmbeddedStores", False), ("Control", False)])
def test_what_weaverlab_does_itself_is_not_cut_off_in_the_middle(
    monkeypatch: pytest.MonkeyPatch, component: str, is_watched: bool
) -> None:
    watched: list[object] = []

    class Recording:
        def run(self, ends_s: float, function: Callable[[], str], args: tuple[()]) -> str:
            watched.append(ends_s)
            return function(*args)

    monkeypatch.setattr(of_this_thread, "watch", Recording())
    method = HostedMethod("look", False, Identity(component, f"{component}/0", ""))
    method.open(lambda: "seen")

    assert Dispatcher([method], SystemClock, Recorder()).call(call()).value == "seen"
    assert bool(watched) is is_watched


def test_a_stream_that_is_cancelled_between_two_items_closes_its_body_in_the_bodys_context(
    monkeypatch: pytest.MonkeyPatch, method: HostedMethod
) -> None:
    setting: ContextVar[str] = ContextVar("setting")
    ended: list[str] = []

    class HangingUp:
        """Runs one step; then its reader has left."""

        steps = 0

        def run(self, ends_s: float, function: Callable[..., object], args: tuple[object, ...]) -> object:
            self.steps += 1
            if self.steps > 1:
                raise Cancelled
            return function(*args)

    def look() -> Iterator[int]:
        token = setting.set("the body's")
        try:
            yield from range(3)
        finally:
            ended.append(setting.get("nobody's"))
            setting.reset(token)

    monkeypatch.setattr(of_this_thread, "watch", HangingUp())
    method.open(look)
    stream = StreamDispatcher([method], SystemClock, Recorder(), 5.0).stream(StreamCall(1, 0, 5.0, NO_ARGUMENTS))

    assert next(stream).value == 0
    with pytest.raises(DeadlineExceeded):
        raise failures.unpack(next(stream).value)
    assert ended == ["the body's"]
    assert list(stream) == []


async def test_an_async_stream_that_fails_between_two_items_closes_its_body(method: HostedMethod) -> None:
    ended: list[str] = []

    async def look() -> AsyncIterator[int]:
        try:
            context.replace(TOO_LARGE)
            yield 1
        finally:
            ended.append("closed")

    method.open(look)
    stream = StreamDispatcher([method], SystemClock, Recorder(), 5.0).stream_async(StreamCall(1, 0, 5.0, NO_ARGUMENTS))

    (end,) = [answer async for answer in stream]

    with pytest.raises(ProtocolError, match="the limit is 65536"):
        raise failures.unpack(end.value)
    assert ended == ["closed"]


# It announces one dependency whose store is the eighth of its two names.
GARBAGE = b"\x02\x11\x01\x00\x07\x01\x05posts\x00eu\x00"


@pytest.mark.parametrize(
    ("lineage", "body", "outcome"),
    [
        (b"\x02", lambda: "never", "inside its header"),
        (GARBAGE, lambda: transfer(ELSEWHERE), "out of range"),
        (GARBAGE, lambda: context.replace(ELSEWHERE), "out of range"),
        (GARBAGE, lambda: "nobody looked", None),
        (b"", lambda: context.replace(TOO_LARGE), "the limit is 65536"),
    ],
)
def test_a_lineage_that_is_garbage_or_too_large_is_an_error_of_its_call(
    dispatcher: Dispatcher, method: HostedMethod, lineage: bytes, body: Callable[[], object], outcome: str | None
) -> None:
    method.open(body)
    accompanied = call()
    accompanied.is_accompanied, accompanied.lineage = True, lineage

    reply = dispatcher.call(accompanied)

    if outcome is None:
        assert reply.value == "nobody looked"
    else:
        with pytest.raises(ProtocolError, match=outcome):
            raise failures.unpack(reply.value)
