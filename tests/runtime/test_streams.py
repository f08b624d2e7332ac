"""Streams mean the same wherever the component is: see docs/streams.md, which these tests follow."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Any

import pytest

import weaverlab as weaver
from tests.apps.streams import ITEM_BYTES, Adder, Feed, Relay, Source, TooMany, Writer
from tests.runtime.streaming import collected, settled, soon
from weaverlab.errors import CannotTravel
from weaverlab.history import Event, Finished, Invoked, Returned, Started
from weaverlab.runtime import context
from weaverlab.testing import Deploy, every_deployer
from weaverlab.wire.window import BYTES_MAX, ITEMS_MAX

STORE = '[antipode.posts]\ntype = "embedded-kv"\n'


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
def test_who_takes_a_later_item_in_another_request_depends_on_all_that_the_body_did_before_it(deploy: Deploy) -> None:
    writer = deploy(Writer, config=STORE).get(Writer)
    items = writer.writes_first(2)
    with weaver.request():
        next(items)

    with weaver.request():
        assert next(items) == weaver.get_lineage() != b""
    assert list(items) == []


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
