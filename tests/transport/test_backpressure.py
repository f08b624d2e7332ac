"""What waits for a slow callee, or a slow reader, is bounded; who waits sees its deadline."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from tests.transport.conftest import ECHO, HOLD, World
from tests.transport.test_server_deadlines import Frozen
from weaverlab.errors import CallLost, DeadlineExceeded
from weaverlab.transport import AsyncChannel, Call, Reply, async_channel, server_mux, stream
from weaverlab.transport.waiting import WaitingLine
from weaverlab.wire import Kind, Mode, encode_notice

FEW = 8


@pytest.fixture
def few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (async_channel, server_mux):
        monkeypatch.setattr(module, "CALLS_MAX", FEW)


class Counting:
    """A handler that counts how many calls it executes at once; each is answered when `release` is set."""

    def __init__(self, answer_bytes: int = 0) -> None:
        self.executing = self.most = self.executed = 0
        self.release = threading.Event()
        self._answer = "x" * answer_bytes

    async def call_async(self, call: Call) -> Reply:
        self.executing += 1
        self.executed += 1
        self.most = max(self.most, self.executing)
        try:
            while not self.release.is_set():
                await asyncio.sleep(0.001)
        finally:
            self.executing -= 1
        return Reply(True, b"", self._answer)

    def call(self, call: Call) -> Reply:
        raise NotImplementedError

    def failure(self, call: Call, error: BaseException) -> object:
        return error


def counting(world: World, answer_bytes: int = 0) -> Counting:
    world.methods = handler = Counting(answer_bytes)
    world.serve()
    return handler


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait for something that gives no signal; at most 5 s."""
    ends_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends_s, "it did not become true within 5 s"
        await asyncio.sleep(0.001)


# Callers


async def test_calls_beyond_the_bound_wait_in_the_caller_and_all_are_answered(world, few_calls):
    handler = counting(world)
    channel = AsyncChannel(world.address, b"the secret of one deployment, 32")
    calls = [asyncio.ensure_future(channel.call(ECHO, number, 20.0)) for number in range(200)]
    await wait_until(lambda: handler.executing == FEW)
    assert f"in_flight={FEW}" in repr(channel)

    handler.release.set()

    assert all(reply.ok for reply in await asyncio.gather(*calls))
    assert handler.most == FEW
    channel.close()


async def test_who_waits_for_room_sees_its_deadline_and_why(world, few_calls):
    handler = counting(world)
    channel = AsyncChannel(world.address, b"the secret of one deployment, 32")
    ahead = [asyncio.ensure_future(channel.call(ECHO, number, 20.0)) for number in range(FEW)]
    await wait_until(lambda: handler.executing == FEW)

    with pytest.raises(DeadlineExceeded, match=f"{FEW} calls are in flight") as late:
        await channel.call(ECHO, "late", 0.05)

    assert not late.value.maybe_executed
    handler.release.set()
    await asyncio.gather(*ahead)
    assert handler.executed == FEW
    channel.close()


async def test_who_leaves_the_line_leaves_no_gap_in_it(world, few_calls):
    handler = counting(world)
    channel = AsyncChannel(world.address, b"the secret of one deployment, 32")
    calls = [asyncio.ensure_future(channel.call(ECHO, number, 20.0)) for number in range(10 * FEW)]
    await wait_until(lambda: handler.executing == FEW)

    for call in calls[::2]:  # some of those in flight, some of those that wait
        call.cancel()
    handler.release.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(answer) for answer in answers[::2]] == [asyncio.CancelledError] * (5 * FEW)
    assert all(answer.ok for answer in answers[1::2])
    channel.close()


async def test_a_line_serves_who_came_first_and_a_place_that_is_given_up_goes_to_the_next():
    line = WaitingLine(asyncio.get_running_loop())
    order = []

    async def wait(name: str) -> None:
        await line.wait()
        order.append(name)

    tasks = {name: asyncio.ensure_future(wait(name)) for name in "abcd"}
    await asyncio.sleep(0)
    tasks["a"].cancel()
    await asyncio.sleep(0)
    line.let_in(1)
    tasks["b"].cancel()  # it had been let in, but leaves
    await asyncio.wait([tasks["c"]], timeout=5)

    assert order == ["c"] and len(line.waiters) == 1
    line.let_in(5)
    await tasks["d"]
    await line.wait(0.01)  # nobody lets it in
    assert len(line.waiters) == 0


# Servers, whose callers do not wait by themselves


async def test_a_server_reads_no_more_calls_than_it_may_execute_at_once(world, few_calls):
    handler = counting(world)
    caller = Frozen(world, Mode.MUX)
    for call_id in range(1, FEW + 1):
        caller.send(call_id, ECHO, 20.0)
    await wait_until(lambda: handler.executing == FEW)
    for call_id in range(FEW + 1, 4 * FEW + 1):
        caller.send(call_id, ECHO, 20.0)
    await asyncio.sleep(0.05)  # for a mistake to show
    assert handler.executed == FEW

    handler.release.set()

    assert len(await asyncio.to_thread(caller.receive, 4 * FEW)) == 4 * FEW
    caller.sock.close()


async def test_a_server_holds_no_more_arguments_than_it_may(world, monkeypatch):
    monkeypatch.setattr(server_mux, "HELD_BYTES_MAX", 1_000_000)
    handler = counting(world)
    caller = Frozen(world, Mode.MUX)
    sending = asyncio.create_task(
        asyncio.to_thread(lambda: [caller.send(call_id, ECHO, 20.0, "x" * 500_000) for call_id in range(1, 21)])
    )
    await wait_until(lambda: handler.executing >= 2)
    await asyncio.sleep(0.05)  # for a mistake to show
    assert handler.executed <= 3

    handler.release.set()

    assert len(await asyncio.to_thread(caller.receive, 20)) == 20
    await sending
    caller.sock.close()


async def test_calls_with_large_arguments_that_are_cancelled_together_leave_their_room_to_others(world, monkeypatch):
    monkeypatch.setattr(server_mux, "HELD_BYTES_MAX", 1_000_000)
    handler = counting(world)
    caller = Frozen(world, Mode.MUX)
    for call_id in (1, 2):
        caller.send(call_id, HOLD, 0.5, "x" * 600_000)
    await wait_until(lambda: handler.executing == 2)

    caller.sock.sendall(encode_notice(Kind.CANCEL, 1) + encode_notice(Kind.CANCEL, 2))
    await wait_until(lambda: not handler.executing)
    handler.release.set()
    caller.send(3, ECHO, 20.0)

    answered: set[int] = set()
    while 3 not in answered:  # where cancellations are read late, the first two end at their deadlines
        answered |= set(await asyncio.to_thread(caller.receive, 1))
    caller.sock.close()


async def test_calls_are_not_begun_while_the_answers_to_others_are_not_read(world, monkeypatch):
    monkeypatch.setattr(stream, "QUEUED_BYTES_MAX", 1_000_000)
    handler = counting(world, answer_bytes=10_000_000)
    handler.release.set()
    caller = Frozen(world, Mode.MUX)
    for call_id in range(1, 21):  # which arrive together
        caller.send(call_id, ECHO, 20.0)
    await wait_until(lambda: handler.executed)
    await asyncio.sleep(0.05)  # for a mistake to show
    assert handler.executed < 5

    assert len(await asyncio.to_thread(caller.receive, 20)) == 20
    caller.sock.close()


async def test_answers_that_are_not_read_are_dropped_when_they_are_too_many_and_their_callers_are_told(
    world, monkeypatch
):
    monkeypatch.setattr(server_mux, "UNREAD_BYTES_MAX", 25_000_000)
    handler = counting(world, answer_bytes=10_000_000)
    caller = Frozen(world, Mode.MUX)
    for call_id in range(1, 21):
        caller.send(call_id, ECHO, 20.0)
    await wait_until(lambda: handler.executing == 20)

    handler.release.set()  # all of them end, and nobody reads
    await wait_until(lambda: not handler.executing)
    await asyncio.sleep(0.05)
    answers = (await asyncio.to_thread(caller.receive, 20)).values()

    assert 2 <= len([answer for answer in answers if answer.ok]) <= 5
    told = [answer.value for answer in answers if not answer.ok]
    assert told and all(isinstance(error, CallLost) and error.maybe_executed for error in told)
    assert "25,000,000 bytes" in str(told[0])
    caller.sock.close()


async def test_a_call_that_waits_to_be_begun_can_be_cancelled(world, monkeypatch):
    monkeypatch.setattr(stream, "QUEUED_BYTES_MAX", 1_000_000)
    monkeypatch.setattr(server_mux, "GRACE_S", 0.01)
    handler = counting(world, answer_bytes=10_000_000)
    handler.release.set()
    caller = Frozen(world, Mode.MUX)
    for call_id in range(1, 11):
        caller.send(call_id, HOLD, 20.0 if call_id <= 5 else 0.05)
    await asyncio.sleep(0.2)

    answers = await asyncio.to_thread(caller.receive, 10)

    assert [call_id for call_id, answer in sorted(answers.items()) if answer.ok] == [1, 2, 3, 4, 5]
    assert handler.executed == 5
    caller.sock.close()
