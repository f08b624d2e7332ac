"""The connection ends at every byte of a call, politely or not: what the caller is told is what the server has done.

A relay between client and server carries so many bytes of one of them and then closes both sides. It is polite when
it has read what it was sent, and a reset when it has not, which the other end's kernel reports as an error.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import uvloop

from tests.fuzz.relay import Passage, Said, relay
from tests.transport.conftest import ECHO, SECRET, World
from weaverlab.errors import CallLost, RemoteCallError, Unreachable
from weaverlab.transport import AsyncChannel, SyncPool
from weaverlab.wire import ReceivedReply, encode_call, encode_reply
from weaverlab.wire.handshake import MESSAGE_BYTES

TIMEOUT_S = 10.0
HANDSHAKE_BYTES = 2 * MESSAGE_BYTES  # that each end says
LARGE = bytes(8 << 20)

pytestmark = pytest.mark.slow


def argument(number: int) -> tuple[str, int]:
    """Return what call `number` says; always as long in bytes."""
    return ("call", 1_000 + number)


CALL_BYTES = len(encode_call(1, ECHO, TIMEOUT_S, b"", b"", b"", argument(0))[0])
REPLY_BYTES = len(encode_reply(1, True, b"lineage", argument(0))[0])
SAID_BYTES = {Said.BY_CLIENT: HANDSHAKE_BYTES + CALL_BYTES, Said.BY_SERVER: HANDSHAKE_BYTES + REPLY_BYTES}


class Cutting(Passage):
    """Carries `count` bytes of what `who` says, and then ends the connection."""

    def __init__(self, who: Said, count: int, is_polite: bool) -> None:
        self._who = who
        self._left = count
        self._is_polite = is_polite
        self.has_ended = threading.Event()

    def bytes_max(self, who: Said) -> int:
        if who is not self._who or (self._is_polite and self._left):
            return super().bytes_max(who)
        return self._left

    def carry(self, who: Said, data: bytes) -> bytes:
        if who is self._who:
            data = data[: self._left]
            self._left -= len(data)
        return data

    def on_end(self) -> None:
        self.has_ended.set()


Call = Callable[[object], ReceivedReply]


@dataclass
class Callers:
    """Makes a caller whose first connection is cut, and whose later ones are not."""

    world: World
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None  # of async callers
    number: int = 0

    @property
    def is_async(self) -> bool:
        return self.new_loop is not None

    def calls(self, stack: ExitStack, passage: Passage) -> Call:
        self.number += 1
        path = f"{self.world.directory}/{self.number}"
        passages = iter([passage])
        stack.enter_context(relay(path, self.world.path, lambda: next(passages, Passage())))
        if self.new_loop is None:
            pool = SyncPool(f"unix:{path}", SECRET)
            stack.callback(pool.close)
            return lambda args: pool.call(ECHO, args, TIMEOUT_S)
        runner = stack.enter_context(_Runner(self.new_loop()))
        channel = runner.run(_channel(f"unix:{path}"))
        stack.callback(lambda: runner.run(_close(channel)))
        return lambda args: runner.run(channel.call(ECHO, args, TIMEOUT_S))

    def next_outcome(self, call: Call) -> object:
        """Return what the next call comes to; a pool finds a new connection itself, a channel's caller asks again."""
        result = outcome(call, "next")
        return outcome(call, "next") if self.is_async and isinstance(result, Unreachable) else result


class _Runner:
    """A loop that runs one coroutine after the other. (asyncio.Runner came with Python 3.11.)"""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def __enter__(self) -> _Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()

    def run(self, coroutine):  # type: ignore[no-untyped-def]
        return self._loop.run_until_complete(coroutine)


async def _channel(address: str) -> AsyncChannel:
    return AsyncChannel(address, SECRET)


async def _close(channel: AsyncChannel) -> None:
    channel.close()
    await asyncio.sleep(0)


@pytest.fixture(params=[None, asyncio.new_event_loop, uvloop.new_event_loop], ids=["blocking", "asyncio", "uvloop"])
def callers(world: World, request: pytest.FixtureRequest) -> Iterator[Callers]:
    yield Callers(world, request.param)


def outcome(call: Call, args: object) -> object:
    """Return the answer, or the error."""
    try:
        reply = call(args)
    except RemoteCallError as error:
        return error
    return reply.value


@pytest.mark.parametrize("is_polite", [True, False], ids=["closed", "reset"])
@pytest.mark.parametrize("who", list(Said))
def test_a_connection_cut_at_any_byte_tells_the_truth_about_its_call(
    world: World, callers: Callers, who: Said, is_polite: bool
) -> None:
    server = world.serve()
    outcomes: dict[int, object] = {}
    for count in range(SAID_BYTES[who] + 1):
        with ExitStack() as stack:
            cut = Cutting(who, count, is_polite)
            call = callers.calls(stack, cut)
            outcomes[count] = outcome(call, argument(count))
            assert cut.has_ended.wait(TIMEOUT_S)
            assert callers.next_outcome(call) == "next"
    # All of the last call has been carried, but nobody waits for its answer. On a loop its task may be cancelled,
    # as its caller has left, before it has begun.
    is_last_certain = who is Said.BY_CLIENT and not callers.is_async
    if is_last_certain:
        for _ in range(1 + len(outcomes)):
            assert world.methods.was_executed.acquire(timeout=TIMEOUT_S)
    server.stop(TIMEOUT_S)

    executed = Counter(args for args in world.methods.executed if args != "next")
    assert max(executed.values(), default=0) <= 1
    for count, result in outcomes.items():
        was_executed = argument(count) in executed
        if count < HANDSHAKE_BYTES:
            assert isinstance(result, Unreachable) and not was_executed, (count, result)
        elif isinstance(result, RemoteCallError):
            assert result.maybe_executed or not was_executed, (count, result)
            if who is Said.BY_CLIENT and (is_last_certain or count < SAID_BYTES[who]):
                assert was_executed == (count == SAID_BYTES[who]), (count, result)
        else:
            assert result == argument(count) and was_executed
    answered = {count for count, result in outcomes.items() if result == argument(count)}
    if who is Said.BY_SERVER:  # the caller may see this connection end before it sends, and send by the next one
        answered.discard(HANDSHAKE_BYTES)
    assert answered == ({SAID_BYTES[who]} if who is Said.BY_SERVER else set())


def test_a_connection_that_was_cut_while_nothing_went_on_costs_no_call(world: World, callers: Callers) -> None:
    world.serve()
    for number in range(50):
        with ExitStack() as stack:
            cut = Cutting(Said.BY_SERVER, SAID_BYTES[Said.BY_SERVER], True)
            call = callers.calls(stack, cut)
            assert outcome(call, argument(number)) == argument(number)
            assert cut.has_ended.wait(TIMEOUT_S)

            assert callers.next_outcome(call) == "next"

    assert world.methods.executed.count("next") == 50


@pytest.mark.parametrize("is_warm", [False, True], ids=["first call", "later call"])
def test_a_call_of_which_the_server_lacks_the_end_was_not_executed(
    world: World, callers: Callers, is_warm: bool
) -> None:
    server = world.serve()
    before = SAID_BYTES[Said.BY_CLIENT] if is_warm else HANDSHAKE_BYTES
    with ExitStack() as stack:
        call = callers.calls(stack, Cutting(Said.BY_CLIENT, before + (1 << 20), False))
        if is_warm:
            assert outcome(call, argument(0)) == argument(0)

        result = outcome(call, (LARGE,))

        if isinstance(result, CallLost):
            assert result.maybe_executed  # all of it was in the kernel's hands: nobody can know
        else:
            assert (isinstance(result, Unreachable) and not result.maybe_executed) or result == (LARGE,)
        assert callers.next_outcome(call) == "next"
    server.stop(TIMEOUT_S)

    assert world.methods.executed.count((LARGE,)) == (result == (LARGE,))
