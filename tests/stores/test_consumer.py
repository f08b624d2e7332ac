"""Consumers over real threads and tasks: each message in its own request, acknowledged only after handling."""

from __future__ import annotations

import asyncio
import collections
import threading

import pytest

from tests.stores.deployment import handle_in_thread, in_thread
from weaverlab.antipode import Dependency, Lineage, context, request
from weaverlab.antipode.queue import Message
from weaverlab.stores import embedded

LONG_S = 60.0


def publish(deployment, *values) -> None:
    notes = deployment.replica("eu").agent("notes")
    with request():
        for value in values:
            notes.write("notes", "new", value)


def consume(deployment, lease_s: float = LONG_S):
    return deployment.replica("us").agent("notes").consume("notes", "new", lease_s)


def drain(deployment, count: int) -> list[object]:
    """Return the values of the next `count` messages."""
    with consume(deployment) as messages:
        return [message.value for message, _ in zip(messages, range(count), strict=False)][:count]


def test_messages_come_in_order_with_value_version_and_lineage(deploy):
    deployment = deploy()
    with request():
        post = deployment.replica("eu").agent("posts").write("posts", "1", "hello")
        note = deployment.replica("eu").agent("notes").write("notes", "new", "1")

    with consume(deployment) as messages:
        message = next(messages)

    assert message == ("1", note.version, Lineage([post, note]))


def test_the_body_of_the_loop_runs_in_the_request_of_its_message_and_nothing_leaks_out(deploy):
    deployment = deploy()
    posts = deployment.replica("us").agent("posts")
    for n in range(3):
        publish(deployment, n)
    mine = posts.write("posts", "mine", "")

    seen = []
    with consume(deployment) as messages:
        for message in messages:
            assert context.current() == message.lineage
            posts.write("posts", "handled", "")
            seen.append(message.lineage)
            if message.value == 2:
                break

    assert [len(lineage) for lineage in seen] == [1, 1, 1]
    assert context.current() == Lineage([mine])


def test_the_trace_of_a_message_is_current_while_it_is_handled(deploy):
    deployment = deploy()
    deployment.trace = "ab" * 16
    publish(deployment, 1)
    deployment.trace = "cd" * 16
    publish(deployment, 2)
    deployment.trace = ""

    traces = []
    with consume(deployment) as messages:
        for message in messages:
            traces.append(deployment.trace)
            if message.value == 2:
                break

    assert traces == ["ab" * 16, "cd" * 16]
    assert deployment.trace == ""


def test_a_message_whose_handling_fails_is_delivered_again_and_one_that_was_handled_is_not(deploy):
    deployment = deploy()
    publish(deployment, 1, 2)

    with pytest.raises(ZeroDivisionError), consume(deployment) as messages:
        for message in messages:
            if message.value == 2:
                raise ZeroDivisionError

    with consume(deployment) as messages:
        assert next(messages).value == 2


def test_leaving_the_loop_normally_acknowledges_the_last_message(deploy):
    deployment = deploy()
    publish(deployment, 1, 2)

    with consume(deployment) as messages:
        for _ in messages:
            break

    with consume(deployment) as messages:
        assert next(messages).value == 2


def test_a_consumer_that_vanishes_loses_nothing_when_its_lease_runs_out(deploy):
    deployment = deploy()
    publish(deployment, 1)

    dead = consume(deployment, lease_s=0.02)
    assert next(dead).value == 1

    with consume(deployment) as messages:
        assert next(messages).value == 1


def test_closing_from_elsewhere_ends_a_loop_that_waits(deploy, monkeypatch):
    monkeypatch.setattr(embedded, "POLL_S", LONG_S)  # so that nothing but close() ends it in time
    messages = consume(deploy())
    looping = in_thread(list, messages)

    messages.close()

    assert looping.result(5) == []


def test_a_message_that_comes_while_its_consumer_is_being_closed_goes_to_somebody_else():
    class CrossingService:
        """Hands out a message although the consumer was interrupted a moment ago."""

        def take(self, *args):
            subscription.interrupt()
            return Message(b"", b"", Dependency("notes", "eu", 1), b"")

        def interrupt(self, *args): ...

        def release(self, *args):
            released.append(args[:4])

    released: list[tuple[str, ...]] = []
    queue = ("notes", "us", "notes", "new")
    subscription = embedded.EmbeddedSubscription(CrossingService(), queue, LONG_S)

    assert subscription.next(None) is None
    assert released == [queue]


def test_closing_while_a_message_is_handled_lets_it_finish_and_be_acknowledged(deploy):
    deployment = deploy()
    publish(deployment, 1, 2)
    messages = consume(deployment)
    handling, closed = threading.Event(), threading.Event()

    def handle() -> None:
        handling.set()
        assert closed.wait(5)

    looping = handle_in_thread(messages, handle)
    assert handling.wait(5)
    messages.close()
    closed.set()

    assert looping.result(5) == [1]
    with consume(deployment) as rest:
        assert next(rest).value == 2


def test_two_consumers_share_the_work_and_none_is_lost_or_doubled(deploy):
    deployment = deploy()
    consumers = [consume(deployment) for _ in range(2)]
    everything = threading.Semaphore(0)

    looping = [handle_in_thread(messages, everything.release) for messages in consumers]
    publish(deployment, *range(200))
    for _ in range(200):
        assert everything.acquire(timeout=5)
    for messages in consumers:
        messages.close()

    handled = [value for one in looping for value in one.result(5)]
    assert collections.Counter(handled) == collections.Counter(range(200))


@pytest.mark.parametrize("failing", range(5))
def test_consumers_that_fail_again_and_again_handle_everything_in_the_end(deploy, failing):
    deployment = deploy()
    publish(deployment, *range(10))
    handled: list[object] = []

    for attempt in range(100):
        try:
            with consume(deployment) as messages:
                for n, message in enumerate(messages):
                    if n == failing and attempt < 2:
                        raise ZeroDivisionError
                    handled.append(message.value)
                    if message.value == 9:
                        raise StopIteration
        except ZeroDivisionError:
            continue
        except StopIteration:
            break

    assert handled == list(range(10))


def test_stopped_stores_end_the_loop_as_if_it_had_been_closed(deploy):
    deployment = deploy()
    messages = consume(deployment)

    def handle_all() -> list[object]:
        with messages:
            return [message.value for message in messages]

    looping = in_thread(handle_all)
    deployment.service.shutdown()

    assert looping.result(5) == []
    messages.close()  # harmless


def test_a_consumer_shows_what_it_does(deploy):
    deployment = deploy()
    publish(deployment, 1)
    messages = consume(deployment)

    assert repr(messages) == "<consumer of notes/new, store 'notes': idle>"
    next(messages)
    assert "handling a message" in repr(messages)
    messages.close()
    assert "closed" in repr(messages)


async def test_async_for_delivers_in_the_request_of_each_message_too(deploy):
    deployment = deploy()
    publish(deployment, 1)
    publish(deployment, 2)

    values = []
    async with consume(deployment) as messages:
        async for message in messages:
            assert context.current() == message.lineage
            values.append(message.value)
            if message.value == 2:
                break

    assert values == [1, 2]
    assert not context.current()


async def test_a_failing_async_body_gives_its_message_back(deploy):
    deployment = deploy()
    publish(deployment, 1)

    with pytest.raises(ZeroDivisionError):
        async with consume(deployment) as messages:
            async for _ in messages:
                raise ZeroDivisionError

    async with consume(deployment) as messages:
        assert (await anext(messages)).value == 1


async def test_an_async_consumer_that_is_cancelled_while_it_waits_takes_no_message_with_it(deploy):
    deployment = deploy()
    waiting = asyncio.ensure_future(anext(consume(deployment)))
    await asyncio.sleep(0)  # let it begin

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    publish(deployment, 1)

    async with consume(deployment) as messages:
        assert (await asyncio.wait_for(anext(messages), 5)).value == 1


async def test_many_async_consumers_do_not_stop_each_other(deploy):
    deployment = deploy()
    waiting = [asyncio.ensure_future(anext(consume(deployment))) for _ in range(12)]
    await asyncio.sleep(0)

    publish(deployment, *range(12))

    assert sorted([message.value for message in await asyncio.gather(*waiting)]) == list(range(12))
