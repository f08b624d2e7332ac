"""The called side: which context a method runs in, and how callers wait for a component that is not ready."""

from __future__ import annotations

import asyncio
import pickle

import pytest

from weaverlab.clock import SystemClock
from weaverlab.errors import DeadlineExceeded
from weaverlab.runtime import failures
from weaverlab.runtime.dispatch import Dispatcher, HostedMethod
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import Identity
from weaverlab.transport import Call


def call(timeout_s: float = 5.0) -> Call:
    return Call(1, 0, timeout_s, bytearray(pickle.dumps(())))


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
