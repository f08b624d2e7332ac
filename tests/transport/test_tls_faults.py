"""Faults inside TLS: what is between the two ends cuts, changes, repeats and swaps records, in handshakes and in calls.

Whatever is done, the caller is told soon and told the truth, the server unpickles nothing of a peer that has not proved
itself and says why the connection ended, and the next connection works. Without TLS: `test_resets`. Addresses are paths
of UNIX sockets only (`transport.address`), so there is no TCP connection that could be reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import uvloop

from tests.fuzz.bomb import Bomb
from tests.fuzz.relay import Passage, Said, relay
from tests.transport.certificates import tls_of
from tests.transport.conftest import ECHO, HOLD, SECRET, World
from tests.transport.tls_records import (
    CHANGE_CIPHER_SPEC,
    Changed,
    Closed,
    Records,
    Reset,
    Swapped,
    all_but_one,
    flip,
    lengthen,
    middle,
    nothing,
    repeat,
)
from weaverlab.errors import AuthenticationError, CallLost, DeadlineExceeded, RemoteCallError
from weaverlab.runtime.permissions import Gate
from weaverlab.transport import AsyncChannel, Server, SyncPool
from weaverlab.transport.sockets import HANDSHAKE_TIMEOUT_S

TIMEOUT_S = 10.0
LARGE = bytes(40_000)  # fills three records
A_TO_B, B = tls_of("A/0").to("B/0"), tls_of("B/0")

Call = Callable[..., object]
Connect = Callable[[str], AbstractContextManager[Call]]

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def blocking(address: str) -> Iterator[Call]:
    pool = SyncPool(address, SECRET, tls=A_TO_B)
    try:
        yield lambda args, timeout_s=TIMEOUT_S: pool.call(ECHO, args, timeout_s).value
    finally:
        pool.close()


def awaited_on(loop: asyncio.AbstractEventLoop) -> Connect:
    @contextlib.contextmanager
    def awaited(address: str) -> Iterator[Call]:
        async def open_channel() -> AsyncChannel:
            return AsyncChannel(address, SECRET, tls=A_TO_B)

        async def close() -> None:
            channel.close()

        channel = loop.run_until_complete(open_channel())
        try:
            yield lambda args, timeout_s=TIMEOUT_S: loop.run_until_complete(channel.call(ECHO, args, timeout_s)).value
        finally:
            loop.run_until_complete(close())

    return awaited


@pytest.fixture(params=["blocking", "asyncio", "uvloop"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    if request.param == "blocking":
        yield blocking
        return
    loop = asyncio.new_event_loop() if request.param == "asyncio" else uvloop.new_event_loop()
    yield awaited_on(loop)
    loop.close()


class Way:
    """From callers to a server with TLS, through a relay; the next connection gets the passage that is put here."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.address = f"unix:{world.directory}/relay"
        self.passages: list[Passage] = []
        self.reasons: queue.SimpleQueue[str] = queue.SimpleQueue()  # why connections ended, as the server says it
        self._bombs = (Bomb(directory / str(number)) for number in itertools.count())

    def recorded(self, connect: Connect, *more: object) -> dict[Said, list[bytes]]:
        """Return the records of one call that nothing happens to; the last ones carry the call, and its answer."""
        self.passages.append(records := Records())
        bomb = next(self._bombs)
        with connect(self.address) as call:
            call((bomb.mark.name, bomb, *more))
            seen = {who: list(found) for who, found in records.seen.items()}
        assert bomb.has_gone_off  # so it does when a peer has been let in
        return seen

    def suffer(self, connect: Connect, passage: Passage, is_handshake: bool, *more: object) -> str:
        """Make three calls, the first of them by this passage. Check all, and return why the server says it ended."""
        self.passages.append(passage)
        bombs = list(itertools.islice(self._bombs, 3))
        began_s = time.monotonic()
        with connect(self.address) as call:
            results = [outcome(call, (bomb.mark.name, bomb, *more)) for bomb in bombs]
        reason = self.reasons.get(timeout=TIMEOUT_S)
        assert time.monotonic() - began_s < HANDSHAKE_TIMEOUT_S  # none of them had to wait for its time to run out

        assert [isinstance(result, Exception) for result in results].count(True) == 1, results
        for bomb, result in zip(bombs, results, strict=True):
            executed = self.world.methods.executed.count(echoed := (bomb.mark.name, None, *more))
            assert executed == bomb.has_gone_off
            if isinstance(result, Exception):
                assert executed <= maybe_executed(result), result
            else:
                assert (result, executed) == (echoed, 1)
        if is_handshake:
            assert not bombs[0].has_gone_off
            assert isinstance(results[0], Exception)
            assert not maybe_executed(results[0]), results
        return reason


def outcome(call: Call, args: object, timeout_s: float = TIMEOUT_S) -> object:
    """Return the answer, or the error."""
    try:
        return call(args, timeout_s)
    except (RemoteCallError, AuthenticationError) as error:
        return error


def maybe_executed(error: Exception) -> bool:
    return isinstance(error, RemoteCallError) and error.maybe_executed  # the other kind comes before a call is sent


class Reasons(logging.Handler):
    def __init__(self, reasons: queue.SimpleQueue[str]) -> None:
        super().__init__()
        self._reasons = reasons

    def emit(self, record: logging.LogRecord) -> None:
        self._reasons.put(record.getMessage())


@pytest.fixture
def way(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Way]:
    way = Way(world, tmp_path)
    gate = Gate(B, world.methods, [("Echo", "echo"), ("Echo", "hold")], {"A": frozenset({"Echo"})}, way.reasons.put)
    server = Server(world.address, SECRET, world.methods, way.reasons.put, gate=gate)
    handler, logger = Reasons(way.reasons), logging.getLogger("weaverlab.transport")
    server.start()
    path = way.address.removeprefix("unix:")
    with (
        caplog.at_level(logging.DEBUG, logger.name),
        relay(path, world.path, lambda: way.passages.pop() if way.passages else Passage()),
    ):
        logger.addHandler(handler)
        yield way
        logger.removeHandler(handler)
        world.methods.release.set()
        server.stop(TIMEOUT_S)


@pytest.mark.parametrize(
    ("passage", "shares"),
    [(Closed, (nothing, middle)), (Reset, (middle, all_but_one))],
    ids=["closed", "reset"],
)
def test_a_connection_cut_in_any_record_or_between_two(way, connect, passage, shares):
    seen = way.recorded(connect)

    for who, records in seen.items():
        for number, share in itertools.product(range(len(records)), shares):
            reason = way.suffer(connect, passage(who, number, share), number < len(records) - 1)
            assert "ended during the handshake" in reason or "lost: " in reason or "closed: " in reason


@pytest.mark.parametrize("change", [flip, repeat])
def test_a_record_that_was_changed_or_repeated(way, connect, change):
    seen = way.recorded(connect)

    for who, records in seen.items():
        for number in range(len(records)):
            if change is repeat and (number == 0 or records[number - 1][0] == CHANGE_CIPHER_SPEC):
                continue  # there is none before it, or it may be repeated
            reason = way.suffer(connect, Changed(who, number, change), number < len(records) - 1)
            # Else the client notices (what it said first, by the answer), and its last words may be lost on the way.
            if who is Said.BY_CLIENT and number > 0:
                assert reason.startswith("TLS: ") or "closed: [SSL: " in reason or "handshake: [SSL: " in reason


@pytest.mark.parametrize("who", list(Said))
def test_records_of_a_handshake_that_come_in_another_order(way, connect, who):
    seen = way.recorded(connect)
    first = [record[0] for record in seen[who]].index(CHANGE_CIPHER_SPEC) + 1

    assert way.suffer(connect, Swapped(who, first), True)


@pytest.mark.parametrize("who", list(Said))
def test_faults_in_the_middle_of_a_large_value(way, connect, who):
    last = len(way.recorded(connect, LARGE)[who]) - 1

    for passage in (
        Swapped(who, last - 1),
        Changed(who, last - 1, flip),
        Changed(who, last, repeat),
        Closed(who, last - 1, middle),
        Reset(who, last, middle),
    ):
        way.suffer(connect, passage, False, LARGE)


@pytest.mark.parametrize("who", list(Said))
def test_a_record_that_says_to_be_longer_costs_no_more_than_the_calls_time(way, connect, who):
    last = len(way.recorded(connect)[who]) - 1
    way.passages.append(Changed(who, last + 1, lengthen))

    with connect(way.address) as call:
        assert call("before") == "before"
        with pytest.raises(DeadlineExceeded) as caught:
            call("during", 0.2)
        # On a loop the connection stays, until as many bytes have come as the record is said to have.
        assert any(outcome(call, "after", 0.1) == "after" for _ in range(100))

    assert caught.value.maybe_executed
    assert way.world.methods.executed.count("during") == (who is Said.BY_SERVER)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_fault_behind_an_answer_ends_the_other_calls_at_once(way, new_loop):
    """The faulty record comes together with a good one, and nothing after it: no selector tells that it is there."""
    last = len(way.recorded(blocking)[Said.BY_SERVER]) - 1
    way.passages.append(Changed(Said.BY_SERVER, last, lambda before, record: record + record))

    async def calls() -> object:
        channel = AsyncChannel(way.address, SECRET, tls=A_TO_B)
        held = asyncio.ensure_future(channel.call(HOLD, "held", TIMEOUT_S))
        assert await asyncio.to_thread(way.world.methods.entered.acquire, timeout=TIMEOUT_S)
        echoed = await channel.call(ECHO, "echoed", TIMEOUT_S)
        with pytest.raises(CallLost):
            await held
        channel.close()
        return echoed.value

    with contextlib.closing(new_loop()) as loop:
        assert loop.run_until_complete(calls()) == "echoed"
