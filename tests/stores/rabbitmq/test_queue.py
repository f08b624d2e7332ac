"""Publishing and consuming over a real RabbitMQ: confirmed, acknowledged after handling, delivered once a region."""

from __future__ import annotations

import asyncio
import collections
import threading

import pytest

from tests.stores.deployment import handle_in_thread, in_thread
from tests.stores.rabbitmq.world import KEY, wait_until
from weaverlab.antipode import Dependency, Lineage, context, request
from weaverlab.errors import StoppedError, StoreError


def test_a_message_brings_value_version_and_the_lineage_of_its_writer(world):
    consumer = world.consumer("us")
    post = Dependency("posts", "eu", 17)
    with request():
        context.replace(Lineage([post]))
        note = world.agent("eu").write(world.exchange, KEY, {"id": 1})

    with consumer as messages:
        message = next(messages)

    assert message == ({"id": 1}, note.version, Lineage([post, note]))


def test_messages_come_in_order_and_one_version_after_the_other(world):
    consumer = world.consumer("us")
    world.publish(*range(20))

    with consumer as messages:
        received = [next(messages) for _ in range(20)]

    assert [message.value for message in received] == list(range(20))
    assert [message.version for message in received] == sorted({message.version for message in received})


def test_the_trace_of_a_message_is_current_while_it_is_handled(world):
    consumer = world.consumer("us")
    world.trace = "ab" * 16
    world.publish(1)
    world.trace = ""

    with consumer as messages:
        next(messages)
        assert world.trace == "ab" * 16

    assert world.trace == ""


def test_a_message_is_delivered_once_in_each_region_that_consumes(world):
    eu, us, us_too = world.consumer("eu"), world.consumer("us"), world.consumer("us")
    world.publish(1)

    with eu as messages:
        assert next(messages).value == 1
    with us as messages:
        assert next(messages).value == 1
    looping = in_thread(list, us_too)
    us_too.close()
    assert looping.result(5) == []


def test_a_region_gets_what_is_published_from_its_first_consume_on(world):
    consumer = world.consumer("us")
    world.publish(1)
    consumer.close()

    assert world.drain("us", 1) == [1]


def test_keys_of_an_exchange_are_queues_of_their_own(world):
    consumer = world.consumer("us")
    with pytest.raises(StoreError, match="no queue is bound for it"):
        world.publish("old", key="old")
    world.publish("new")

    with consumer as messages:
        assert next(messages).value == "new"


def test_a_message_that_nobody_would_ever_get_is_an_error_and_no_dependency(world):
    with request():
        with pytest.raises(StoreError, match=r"was not published: no queue is bound for it"):
            world.agent("eu").write(world.exchange, KEY, 1)

        assert not context.current()


def test_a_message_whose_handling_fails_is_delivered_again_at_once_and_one_that_was_handled_is_not(world):
    consumer = world.consumer("us")
    world.publish(1, 2)

    with pytest.raises(ZeroDivisionError), consumer as messages:
        for message in messages:
            if message.value == 2:
                raise ZeroDivisionError

    assert world.drain("us", 1) == [2]


def test_a_message_that_is_not_handled_when_its_lease_is_over_goes_to_somebody_else(world, caplog):
    slow = world.consumer("us", lease_s=0.05)
    world.publish(1)

    with slow as messages:
        assert next(messages).value == 1
        assert world.drain("us", 1) == [1]

    assert "not handled after 0.05 s: it is given back" in caplog.text
    assert "was handled, but RabbitMQ was away when it was to learn of it" in caplog.text


def test_a_consumer_holds_one_message_and_leaves_the_others_to_others(world):
    consumer = world.consumer("us")
    world.publish(1, 2, 3)

    with consumer as messages:
        assert next(messages).value == 1
        assert world.drain("us", 2) == [2, 3]


def test_closing_from_elsewhere_ends_a_loop_that_waits(world):
    messages = world.consumer("us")
    looping = in_thread(list, messages)

    messages.close()

    assert looping.result(5) == []


def test_closing_while_a_message_is_handled_lets_it_finish_and_be_acknowledged(world):
    messages = world.consumer("us")
    world.publish(1, 2)
    handling, closed = threading.Event(), threading.Event()

    def handle() -> None:
        handling.set()
        assert closed.wait(5)

    looping = handle_in_thread(messages, handle)
    assert handling.wait(5)
    messages.close()
    closed.set()

    assert looping.result(5) == [1]
    assert world.drain("us", 1) == [2]


def test_closed_stores_end_the_loop_and_refuse_writes(world):
    notes = world.agent("us")
    messages = notes.consume(world.exchange, KEY)
    looping = in_thread(list, messages)
    wait_until(lambda: "idle" in repr(messages))

    world.close()

    assert looping.result(5) == []
    with pytest.raises(StoppedError):
        notes.write(world.exchange, KEY, 1)
    messages.close()  # harmless


def test_consumers_share_the_work_of_many_writers_and_none_is_lost_or_doubled(world):
    consumers = [world.consumer("us") for _ in range(2)]
    notes, everything = world.agent("eu"), threading.Semaphore(0)

    def write(first: int) -> None:
        for value in range(first, first + 25):
            notes.write(world.exchange, KEY, value)

    looping = [handle_in_thread(messages, everything.release) for messages in consumers]
    for writing in [in_thread(write, first) for first in range(0, 100, 25)]:
        writing.result(30)
    for _ in range(100):
        assert everything.acquire(timeout=10)
    for messages in consumers:
        messages.close()

    handled = [value for one in looping for value in one.result(5)]
    assert collections.Counter(handled) == collections.Counter(range(100))


async def test_async_for_delivers_and_acknowledges_too(world):
    consumer = world.consumer("us")
    world.publish(1, 2)

    async with consumer as messages:
        async for message in messages:
            if message.value == 2:
                break

    world.publish(3)
    async with world.consumer("us") as messages:
        assert (await anext(messages)).value == 3


async def test_an_async_consumer_that_is_cancelled_while_it_waits_takes_no_message_with_it(world):
    waiting = asyncio.ensure_future(anext(world.consumer("us")))
    await asyncio.sleep(0)  # let it begin

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    world.publish(1)

    async with world.consumer("us") as messages:
        assert (await asyncio.wait_for(anext(messages), 5)).value == 1


def test_a_barrier_says_that_it_does_not_wait_for_messages(world):
    consumer, replica = world.consumer("us"), world.replica("eu")
    with request():
        replica.agent("notes").write(world.exchange, KEY, 1)

        report = replica.barrier()
        assert report.skipped == ("notes",)
        assert report.dependencies == ()
        assert "skipped: notes" in str(report)
        with pytest.raises(StoreError, match="nobody can wait for messages of store 'notes'"):
            replica.barrier(stores=["notes"])
    consumer.close()


def test_a_queue_has_no_records(world):
    with pytest.raises(StoreError, match="consumed, not read or deleted by key"):
        world.agent("eu").read(world.exchange, KEY)
    with pytest.raises(StoreError, match="consumed, not read or deleted by key"):
        world.agent("eu").delete(world.exchange, KEY)


def test_a_healthy_store_says_so(world):
    assert world.agent("us").health() == (True, "publishes to 127.0.0.1:5672, consumes from 127.0.0.1:5672")
