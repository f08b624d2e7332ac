"""Streams in trouble: late, cut, stopped, and thousands of them. One never just ends: see docs/streams.md."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import weaverlab as weaver
from tests.apps.streams import Relay, Source
from tests.runtime.streaming import SOON_S, collected, soon
from weaverlab.errors import CallLost, DeadlineExceeded

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
