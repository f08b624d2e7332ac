"""Streams mean the same wherever the component is: see docs/streams.md, which these tests follow."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import weaverlab as weaver
from tests.apps.streams import ITEM_BYTES, Adder, Feed, Relay, Source, TooMany, Writer
from weaverlab.errors import CallLost, CannotTravel, DeadlineExceeded
from weaverlab.history import Event, Finished, Invoked, Returned, Started
from weaverlab.runtime import context
from weaverlab.testing import Deploy, every_deployer
from weaverlab.wire.window import BYTES_MAX, ITEMS_MAX

SOON_S = 10.0
STORE = '[antipode.posts]\ntype = "embedded-kv"\n'


def soon(holds: Callable[[], bool]) -> bool:
    """Return whether `holds` becomes true; nobody tells us when a generator elsewhere is closed."""
    ends_s = time.monotonic() + SOON_S
    while not holds() and time.monotonic() < ends_s:
        time.sleep(0.01)
    return holds()


def settled(count: Callable[[], int]) -> int:
    """Return `count()` when it no longer grows."""
    last, now = -1, count()
    while last != now:
        time.sleep(0.1)
        last, now = now, count()
    return now


async def collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


# Items


@every_deployer
def test_items_arrive_in_order_each_exactly_once(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)

    assert list(source.numbers(1000)) == list(range(1000))
    assert asyncio.run(collected(source.ticks(1000))) == list(range(1000))
    assert source.beginnings() == ["numbers", "ticks"]  # once, under "rpc", too


@every_deployer
def test_a_stream_may_be_empty(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)

    assert list(source.numbers(0)) == []
    assert asyncio.run(collected(source.ticks(0))) == []


@every_deployer
def test_items_are_values_as_any_and_large_ones_too(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    values = [None, "text", [1, {"a": (2, 3)}], bytes(3 * BYTES_MAX), bytearray(b"x") * 100_000, "last"]

    assert list(source.values(*values, other=1)) == [*values, ("other", 1)]


@every_deployer
def test_what_a_generator_returns_is_the_value_of_yield_from(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)

    def reader() -> Iterator[object]:
        yield (yield from source.counted(3))

    assert list(reader()) == [0, 1, 2, "3 in all"]


@every_deployer
def test_arguments_are_checked_at_the_call_and_the_body_starts_at_the_first_item(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    with pytest.raises(TypeError, match="numbers"):
        source.numbers()  # type: ignore[call-arg]

    numbers, ticks = source.numbers(3), source.ticks(3)
    assert source.beginnings() == []
    next(numbers)
    assert source.beginnings() == ["numbers"]
    asyncio.run(collected(ticks))
    assert source.beginnings() == ["numbers", "ticks"]


@every_deployer
def test_one_reader_may_read_two_streams_in_turn_and_call_meanwhile(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    seen = []
    for one, other in zip(source.numbers(100), source.numbers(100), strict=True):
        seen += [one, other, source.count() > 0]

    assert seen == [part for number in range(100) for part in (number, number, True)]


@every_deployer
def test_a_callee_may_stream_what_another_streams(deploy: Deploy) -> None:
    app = deploy(Relay)
    relay, source = app.get(Relay), app.get(Source)

    assert list(relay.doubled(100)) == list(range(0, 200, 2))
    assert asyncio.run(collected(relay.ticks(100))) == list(range(0, -100, -1))
    assert list(islice(relay.whole(), 3)) == [0, 1, 2]
    assert soon(lambda: "relayed" in source.endings())


class FakeFeed:
    """Answers a stream with a list, and another with a generator: any iterable will do."""

    def numbers(self, n: int) -> list[int]:
        return [n, n]

    async def ticks(self, n: int) -> AsyncIterator[int]:
        yield n


@every_deployer
def test_a_fake_may_stand_in_for_what_streams(deploy: Deploy) -> None:
    adder = deploy(Adder, fakes={Feed: FakeFeed()}).get(Adder)

    assert (adder.total(3), asyncio.run(adder.total_async(4))) == (6, 4)


# Ends


@every_deployer
def test_an_exception_comes_at_its_place_with_its_class(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    numbers = source.fails_after(20)

    assert list(islice(numbers, 20)) == list(range(20))
    with pytest.raises(TooMany) as raised:
        next(numbers)
    assert raised.value.number == 20
    assert list(numbers) == []  # as a generator that has raised
    with pytest.raises(TooMany):
        next(source.fails_at_once())


@every_deployer
async def test_an_exception_comes_at_its_place_to_an_async_reader(deploy: Deploy) -> None:
    ticks, seen = deploy(Source).get(Source).ticks_fail_after(20), []

    with pytest.raises(TooMany):
        async for tick in ticks:
            seen.append(tick)

    assert seen == list(range(20))


@every_deployer
def test_an_item_that_cannot_travel_is_an_error_and_closes_the_generator(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    items = source.unpicklable()

    assert next(items) == 1
    if deploy.deployer == "single":  # in one process an item is passed as it is
        items.close()
    else:
        with pytest.raises(CannotTravel, match="generator"):
            next(items)
    assert soon(lambda: source.endings() == ["unpicklable"])


@every_deployer
def test_leaving_a_loop_closes_the_callees_generator(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)

    for number in source.forever("left"):
        if number == 3:
            break
    assert soon(lambda: source.endings() == ["left"])
    with contextlib.closing(source.forever("closed")) as numbers:
        next(numbers)
    assert soon(lambda: source.endings() == ["left", "closed"])
    dropped = source.forever("dropped")
    next(dropped)
    del dropped
    gc.collect()
    assert soon(lambda: source.endings() == ["left", "closed", "dropped"])
    assert source.count() > 0  # calls go on


@pytest.mark.usefixtures("no_process_left")
@pytest.mark.parametrize("deployer", ["rpc", "multi"])
def test_leaving_a_loop_ends_a_generator_that_is_busy(deployer: Any) -> None:
    with weaver.deploy(Source, deployer=deployer) as app:
        source = app.get(Source)
        for _ in source.stuck():
            break

        assert soon(lambda: source.endings() == ["stuck"])


@every_deployer
async def test_leaving_an_async_loop_closes_the_callees_generator(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)

    async for _ in source.ticks(10**9, "left"):
        break
    await asyncio.sleep(0)
    assert await asyncio.to_thread(soon, lambda: source.endings() == ["left"])
    async with contextlib.aclosing(source.ticks(10**9, "closed")) as ticks:
        await anext(ticks)
    assert await asyncio.to_thread(soon, lambda: source.endings() == ["left", "closed"])


@every_deployer
async def test_a_cancelled_reader_closes_the_callees_generator(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    has_begun = asyncio.Event()

    async def read() -> None:
        async for _ in source.rests():
            has_begun.set()

    reader = asyncio.create_task(read())
    await has_begun.wait()
    await asyncio.sleep(0)
    reader.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reader
    assert await asyncio.to_thread(soon, lambda: source.endings() == ["rests"])


@every_deployer
def test_ctrl_c_in_a_reader_closes_the_callees_generator(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)

    with pytest.raises(KeyboardInterrupt):
        for number in source.forever("interrupted"):
            if number == 100:
                signal.raise_signal(signal.SIGINT)

    assert soon(lambda: source.endings() == ["interrupted"])


# What travels along


@every_deployer
def test_a_body_sees_the_context_of_its_call_each_time_and_leaves_nothing_in_its_readers(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    seen = []
    with weaver.metadata(user="ann"), weaver.timeout(60.0):
        for item in source.seen(2):
            seen.append(item)
            assert weaver.current_metadata() == {"user": "ann"}
            with weaver.metadata(user="bob"):  # of no concern to the body, which has begun
                pass

    assert seen == [
        ({"user": "ann"}, True, "nobody's"),
        ({"user": "ann", "left": "behind"}, True, "the body's 0"),
        ({"user": "ann"}, True, "the body's 0"),
        ({"user": "ann", "left": "behind"}, True, "the body's 1"),
    ]
    assert context.remaining_s() is None


@every_deployer
def test_a_stream_without_a_timeout_has_no_deadline_in_its_body(deploy: Deploy) -> None:
    app = deploy(Relay)

    assert next(app.get(Source).seen(1))[1] is False
    assert next(app.get(Relay).seen())[1] is False


@every_deployer
async def test_an_async_body_sees_the_context_of_its_call_each_time(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    with weaver.metadata(user="ann"):
        ticks = source.ticks_seen(2)
        first = await anext(ticks)
    rest = await collected(ticks)  # elsewhere, in another context

    assert [first, *rest] == [
        ({"user": "ann"}, False, "nobody's"),
        ({"user": "ann", "left": "behind"}, True, "the body's 0"),
        ({"user": "ann"}, False, "the body's 0"),
        ({"user": "ann", "left": "behind"}, True, "the body's 1"),
    ]
    assert (weaver.current_metadata(), context.remaining_s()) == ({}, None)


@every_deployer
def test_who_takes_an_item_depends_on_what_was_written_before_it(deploy: Deploy) -> None:
    writer = deploy(Writer, config=STORE).get(Writer)
    outside = weaver.get_lineage()  # of what other tests have done
    with weaver.request():
        for at_the_body in writer.writes(3):
            assert weaver.get_lineage() == at_the_body != b""
    assert weaver.get_lineage() == outside


@every_deployer
async def test_who_awaits_an_item_depends_on_what_was_written_before_it(deploy: Deploy) -> None:
    writer = deploy(Writer, config=STORE).get(Writer)
    with weaver.request():
        async for at_the_body in writer.ticks(3):
            assert weaver.get_lineage() == at_the_body != b""


@every_deployer
def test_a_stream_is_one_call_in_figures_and_traces(deploy: Deploy) -> None:
    app = deploy(Source)
    source = app.get(Source)
    with weaver.request() as trace:
        list(source.numbers(100))
        for _ in source.forever():
            break
        with pytest.raises(TooMany):
            list(source.fails_after(3))
        asyncio.run(collected(source.ticks(3)))

    def kinds() -> list[type[Event]]:
        return [type(event) for event in app.events() if event.request == trace]

    assert soon(lambda: len(kinds()) == 16)
    assert {kind: kinds().count(kind) for kind in kinds()} == dict.fromkeys((Invoked, Started, Finished, Returned), 4)
    counted = {stats.method: (stats.calls, stats.errors) for stats in app.status().calls()}
    assert counted == {"numbers": (1, 0), "forever": (1, 0), "fails_after": (1, 1), "ticks": (1, 0)}


# Flow control


@every_deployer
def test_a_callee_is_at_most_the_window_ahead_of_a_reader_that_stopped(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    numbers = source.forever()
    for _ in range(100):
        next(numbers)

    assert settled(source.count) <= 100 + ITEMS_MAX
    numbers.close()


@every_deployer
def test_large_items_are_fewer_ahead(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    blocks = source.blocks()
    next(blocks)

    assert settled(source.count) <= 1 + BYTES_MAX // ITEM_BYTES
    assert all(len(next(blocks)) == ITEM_BYTES for _ in range(50))
    blocks.close()


@every_deployer
async def test_an_async_callee_is_at_most_the_window_ahead(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    ticks = source.ticks(10**9)
    for _ in range(100):
        await anext(ticks)

    assert await asyncio.to_thread(settled, source.count) <= 100 + ITEMS_MAX
    await ticks.aclose()  # type: ignore[attr-defined]


@every_deployer
def test_a_reader_may_be_faster_or_slower(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)

    assert list(source.slowly(20, 0.005)) == list(range(20))
    read = []
    for number in source.numbers(40):
        time.sleep(0.002)
        read.append(number)
    assert read == list(range(40))


@every_deployer
async def test_a_stream_does_not_hold_up_other_calls(deploy: Deploy) -> None:
    source = deploy(Source).get(Source)
    read = 0

    async def read_on() -> None:
        nonlocal read
        async for _ in source.ticks(10**9):
            read += 1

    reader = asyncio.create_task(read_on())
    for number in range(200):
        assert await source.echo(number) == number
        await asyncio.sleep(0)  # where the other component is here, a call leaves the loop no turn
    assert read > 0
    reader.cancel()
    await asyncio.wait([reader])


# Time, which only bounds what crosses a process


@pytest.fixture(params=["rpc", "multi"])
def deployer(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.mark.usefixtures("no_process_left")
class TestTime:
    def test_a_timeout_around_the_loop_bounds_the_whole_stream(self, deployer: Any) -> None:
        with weaver.deploy(Source, deployer=deployer) as app:
            source = app.get(Source)
            with pytest.raises(DeadlineExceeded), weaver.timeout(0.3):
                for _ in source.slowly(10**6, 0.01):
                    pass
            with pytest.raises(DeadlineExceeded), weaver.timeout(0.5):
                next(source.slowly(1, 1.5))

    async def test_a_timeout_around_an_async_loop_bounds_the_whole_stream(self, deployer: Any) -> None:
        with weaver.deploy(Source, deployer=deployer) as app:
            source = app.get(Source)
            with pytest.raises(DeadlineExceeded), weaver.timeout(0.3):
                async for _ in source.ticks(10**9):
                    pass
            with pytest.raises(DeadlineExceeded), weaver.timeout(0.1):
                async for _ in source.rests():
                    pass
            assert await asyncio.to_thread(soon, lambda: source.endings() == ["ticks", "rests"])

    def test_without_one_each_item_is_waited_for_as_long_as_for_a_call(self, deployer: Any) -> None:
        config = weaver.config.parse("[weaverlab]\ncall_timeout_s = 0.5")
        with weaver.deploy(Source, deployer=deployer, config=config) as app:
            source = app.get(Source)
            assert list(source.slowly(10, 0.1)) == list(range(10))  # longer than one call may take
            with pytest.raises(DeadlineExceeded):
                next(source.slowly(1, 2.0))

    async def test_without_one_each_item_is_awaited_as_long_as_a_call(self, deployer: Any) -> None:
        config = weaver.config.parse("[weaverlab]\ncall_timeout_s = 0.5")
        with weaver.deploy(Source, deployer=deployer, config=config) as app:
            source, seen = app.get(Source), []
            with pytest.raises(DeadlineExceeded):
                async for item in source.rests():
                    seen.append(item)
            assert seen == [1]
            assert await asyncio.to_thread(soon, lambda: source.endings() == ["rests"])


# Crashes and stops: a stream never just ends


@pytest.mark.usefixtures("no_process_left")
class TestTrouble:
    def test_a_callee_that_dies_is_a_call_lost(self) -> None:
        with weaver.deploy(Source, deployer="multi") as app:
            source, seen = app.get(Source), []
            with pytest.raises(CallLost) as lost:
                for number in source.ends_its_process_at(20):
                    seen.append(number)
            assert seen == list(range(len(seen))) and lost.value.maybe_executed

    async def test_a_callee_that_dies_is_a_call_lost_for_an_async_reader(self) -> None:
        with weaver.deploy(Source, deployer="multi") as app:
            ticks = app.get(Source).ticks_end_their_process_at(20)
            with pytest.raises(CallLost):
                await collected(ticks)

    def test_sigkill_between_two_items_is_a_call_lost(self) -> None:
        with weaver.deploy(Source, deployer="multi") as app:
            source = app.get(Source)
            numbers = source.forever()
            assert list(islice(numbers, 100)) == list(range(100))
            app.kill("Source/0")
            with pytest.raises(CallLost):
                for _ in numbers:
                    pass

    def test_a_reader_that_dies_closes_the_callees_generator(self) -> None:
        with weaver.deploy(Relay, Source, deployer="multi") as app:
            relay, source = app.get(Relay), app.get(Source)
            relayed = relay.whole()
            next(relayed)
            app.kill("Relay/0")
            assert soon(lambda: source.endings() == ["relayed"])
            with pytest.raises(CallLost):
                list(relayed)

    def test_a_stream_that_was_not_taken_goes_to_another_replica(self) -> None:
        with weaver.deploy(Source, deployer="multi", replicas={Source: 2}) as app:
            source = app.get(Source)
            app.kill("Source/0")
            assert [list(source.numbers(3)) for _ in range(10)] == [[0, 1, 2]] * 10

    def test_a_stream_that_is_lost_before_its_first_item_is_repeated_as_a_call_is(self, tmp_path: Path) -> None:
        with weaver.deploy(Source, deployer="multi", replicas={Source: 2}) as app:
            source = app.get(Source)
            assert list(source.dies_at_first(str(tmp_path / "marker"))) == [0, 1, 2]
            with pytest.raises(CallLost) as lost:
                next(source.ends_its_process_at(0))  # which is not retriable
            assert lost.value.maybe_executed and lost.value.attempts == 1

    def test_a_reader_killed_by_ctrl_c_while_it_waits_closes_the_callees_generator(self) -> None:
        with weaver.deploy(Source, deployer="rpc") as app:
            source = app.get(Source)
            items = source.stuck()
            next(items)
            timer = threading.Timer(0.2, signal.raise_signal, (signal.SIGINT,))
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                next(items)
            timer.join()
            assert soon(lambda: source.endings() == ["stuck"])

    @pytest.mark.parametrize("deployer", ["rpc", "multi"])
    def test_a_stop_waits_for_streams_and_then_cuts_them_audibly(self, deployer: Any) -> None:
        app = weaver.deploy(Source, deployer=deployer)
        source, outcomes = app.get(Source), []
        has_begun = threading.Barrier(3)

        def read(stream: Iterator[int]) -> None:
            try:
                next(stream)
                has_begun.wait()
                for _ in stream:
                    pass
                outcomes.append("ended")
            except CallLost:
                outcomes.append("lost")

        readers = [
            threading.Thread(target=read, args=(stream,)) for stream in (source.slowly(20, 0.02), source.forever())
        ]
        for reader in readers:
            reader.start()
        has_begun.wait()
        app.stop(drain_s=2.0)
        for reader in readers:
            reader.join(SOON_S)
        assert sorted(outcomes) == ["ended", "lost"]

    async def test_a_stop_cuts_async_streams_audibly(self, deployer: Any) -> None:
        app = weaver.deploy(Source, deployer=deployer)
        ticks = app.get(Source).rests()
        await anext(ticks)
        stopping = asyncio.create_task(asyncio.to_thread(app.stop, 0.2))
        with pytest.raises(CallLost):
            await anext(ticks)
        await stopping


def test_thousands_of_small_streams_leave_nothing_behind() -> None:
    with weaver.deploy(Source, deployer="rpc") as app:
        source = app.get(Source)
        list(source.numbers(1))
        threads = threading.active_count()
        for _ in range(2000):
            assert list(source.numbers(1, "many")) == [0]
        for _ in range(200):
            next(source.numbers(2, "left"))

        assert soon(lambda: source.endings().count("left") == 200)
        assert soon(lambda: threading.active_count() <= threads + 2)
