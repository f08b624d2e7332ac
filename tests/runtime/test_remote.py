"""Which calls are repeated, where, how often; and what an error says about all attempts together."""

from __future__ import annotations

import asyncio
import pickle
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.runtime.peers import SECRET, HandClock, member, table
from weaverlab import Component
from weaverlab.component import build_application
from weaverlab.errors import (
    AuthenticationError,
    CallLost,
    CannotTravel,
    DeadlineExceeded,
    RemoteCallError,
    StoppedError,
    Unreachable,
    WeaverError,
)
from weaverlab.history import Invoked, Returned
from weaverlab.observe import MethodMetrics
from weaverlab.routing import Backoff
from weaverlab.runtime import context, failures
from weaverlab.runtime.links import Links
from weaverlab.runtime.recorder import Recorder
from weaverlab.runtime.remote import LOSSES_MAX, Identity, RemoteComponent, RemoteMethod
from weaverlab.runtime.replicas import Replicas
from weaverlab.transport import ReceivedReply

LOST = CallLost("unix:/nowhere/0: gone", maybe_executed=True)
NOT_SENT = Unreachable("unix:/nowhere/0: nobody there")
LATE = DeadlineExceeded("unix:/nowhere/0: no answer", maybe_executed=True)


class Shop(Component):
    def buy(self) -> str:
        return "sold"


def answer(value: object = "sold", ok: bool = True) -> ReceivedReply:
    reply = ReceivedReply(1, bytearray(pickle.dumps(value)))
    reply.ok = reply.is_plain = ok
    return reply


class World:
    """A caller of two replicas whose network does what a script says, one entry for each attempt."""

    def __init__(self, is_async: bool) -> None:
        self.clock = HandClock()
        self.links = Links(SECRET, self.clock, random.Random(1), table(1, member(0), member(1)))
        self.attempts: list[tuple[str, float]] = []  # address and time left
        self.script: list[Exception | ReceivedReply] = []
        self.on_attempt: Callable[[], None] = lambda: None
        self.recorder = Recorder()
        self.stats = MethodMetrics().stats("me", "Shop", "buy", remote=True)
        for one in (member(0), member(1)):
            self.links.peer(one).pool.call = self._network(one.address)  # type: ignore[method-assign]
        self.links.channel = self._channel  # type: ignore[assignment,method-assign]
        replicas = Replicas("Shop", self.links, lambda routes: routes.members["Shop"])
        spec = build_application([Shop]).components["Shop"]
        me = Identity("me", "me/0", "")
        self._remote = RemoteComponent(me, spec, replicas, self.links, self.recorder, 10.0, is_traced=True)
        self._is_async = is_async

    def call(self, retriable: bool = True) -> Any:
        method = RemoteMethod(0, "buy", retriable, self.stats)
        if self._is_async:
            return asyncio.run(self._remote.call_async(method, ()))
        return self._remote.call(method, ())

    def _network(self, address: str) -> Callable[..., ReceivedReply]:
        def call(number: int, args: object, timeout_s: float, *rest: object) -> ReceivedReply:
            self.attempts.append((address, timeout_s))
            self.on_attempt()
            outcome = self.script.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return call

    def _channel(self, address: str) -> Any:
        class Channel:
            call = staticmethod(self._network_async(address))

        return Channel

    def _network_async(self, address: str) -> Any:
        async def call(*args: Any) -> ReceivedReply:
            return self._network(address)(*args)

        return call


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(request.param == "async")

    async def sleep(duration_s: float) -> None:
        world.clock.sleep(duration_s)

    monkeypatch.setattr("weaverlab.runtime.remote.asyncio.sleep", sleep)
    return world


@pytest.mark.parametrize("retriable", [True, False])
def test_a_call_that_never_left_is_repeated_at_the_other_replica(world: World, retriable: bool) -> None:
    world.script = [NOT_SENT, answer()]

    assert world.call(retriable) == "sold"
    assert len({address for address, _ in world.attempts}) == 2
    assert (world.stats.calls, world.stats.errors, world.stats.retries) == (1, 0, 1)


def test_a_lost_call_is_repeated_if_its_method_may_be(world: World) -> None:
    world.script = [LOST, answer()]

    assert world.call() == "sold"
    assert len({address for address, _ in world.attempts}) == 2


def test_a_lost_call_that_must_not_be_repeated_may_have_been_executed(world: World) -> None:
    world.script = [LOST]

    with pytest.raises(CallLost, match=r"Shop\.buy at Shop/[01]: gone") as caught:
        world.call(retriable=False)

    assert (caught.value.maybe_executed, caught.value.attempts) == (True, 1)
    assert (world.stats.calls, world.stats.errors, world.stats.retries) == (1, 1, 0)


def test_a_call_that_ends_its_callees_is_not_tried_on_all_of_them(world: World) -> None:
    world.script = [LOST] * 9

    with pytest.raises(CallLost) as caught:
        world.call()

    assert caught.value.attempts == len(world.attempts) == LOSSES_MAX


def test_a_call_that_nobody_takes_is_repeated_until_its_time_is_over(world: World) -> None:
    world.script = [NOT_SENT] * 1_000

    with pytest.raises(Unreachable) as caught:
        world.call()

    longest_s = Backoff().cap_s
    assert not caught.value.maybe_executed
    assert 10.0 - longest_s <= world.clock.time_s - 1_000.0 <= 10.0
    assert [left_s for _, left_s in world.attempts] == sorted((left_s for _, left_s in world.attempts), reverse=True)


def test_the_time_of_a_call_is_not_begun_anew_when_it_runs_out(world: World) -> None:
    world.script = [LATE]

    with pytest.raises(DeadlineExceeded) as caught:
        world.call()

    assert caught.value.maybe_executed and len(world.attempts) == 1


@pytest.mark.parametrize("last", [NOT_SENT, DeadlineExceeded("it had run out before it was sent")])
def test_an_error_speaks_for_all_attempts_not_for_the_last_alone(world: World, last: RemoteCallError) -> None:
    world.script = [LOST, *[last] * 1_000]

    with pytest.raises(type(last)) as caught:
        world.call()

    assert caught.value.maybe_executed


def test_a_deployment_that_ends_between_two_attempts_is_the_reason(world: World) -> None:
    world.script = [NOT_SENT]
    world.on_attempt = lambda: world.links.close("it was stopped.")

    with pytest.raises(StoppedError, match=r"cannot call Shop: it was stopped\."):
        world.call()
    with pytest.raises(StoppedError):
        world.call()
    assert len(world.attempts) == 1


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (answer(), ""),
        (answer(failures.pack(ValueError("no"), "Shop.buy"), ok=False), "ValueError"),
        (LATE, "DeadlineExceeded"),
        (AuthenticationError("another deployment's"), "AuthenticationError"),
        (CannotTravel("a generator"), "CannotTravel"),
        (ReceivedReply(1, bytearray(b"no pickle")), "CannotTravel"),
    ],
)
def test_every_call_of_a_traced_request_returns_however_it_ends(
    world: World, outcome: Exception | ReceivedReply, error: str
) -> None:
    world.script = [outcome]

    with context.request():
        if error:
            with pytest.raises((ValueError, WeaverError)):
                world.call()
        else:
            world.call()

    invoked, returned = world.recorder.events()
    assert isinstance(invoked, Invoked) and isinstance(returned, Returned)
    assert (returned.span, returned.error) == (invoked.span, error)
    assert (world.stats.calls, world.links.peer(member(0)).in_flight, world.links.peer(member(1)).in_flight) == (
        1,
        0,
        0,
    )


async def test_a_cancelled_call_returns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(is_async=True)
    has_begun = asyncio.Event()

    class Channel:
        async def call(self, *args: object) -> None:
            has_begun.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(world.links, "channel", lambda address: Channel())
    with context.request():
        call = asyncio.create_task(world._remote.call_async(RemoteMethod(0, "buy", True, world.stats), ()))
    await has_begun.wait()

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    returned = world.recorder.events()[-1]
    assert isinstance(returned, Returned) and returned.error == "CancelledError"
    assert (world.stats.calls, world.stats.errors) == (1, 1)
