"""What cannot be handled is put aside where it can be looked at, and put back; nothing is lost."""

from __future__ import annotations

import pika
import pytest

from tests.stores.deployment import Deployment
from tests.stores.rabbitmq.world import KEY, wait_until
from weaverlab.antipode import Dependency, Lineage
from weaverlab.antipode.packing import FORMAT
from weaverlab.antipode.queue import Message
from weaverlab.errors import StoreError
from weaverlab.stores.rabbitmq.messages import DELIVERIES_MAX, headers_of

NEWER = f"a lineage in format {FORMAT + 1}"
NEWER_LINEAGE = bytes([FORMAT + 1]) + Lineage([Dependency("posts", "eu", 17)]).pack()[1:]


def fail_to_handle(world, times: int) -> list[object]:
    """Let a consumer fail `times` times; return what it was given."""
    values = []
    for _ in range(times):
        with pytest.raises(ZeroDivisionError), world.consumer("us") as messages:
            values.append(next(messages).value)
            raise ZeroDivisionError
    return values


def wait_for_dead_letters(world, count: int):
    agent = world.agent("us")
    wait_until(lambda: len(agent.dead_letters(world.exchange, KEY)) == count)
    return agent.dead_letters(world.exchange, KEY)


def test_a_message_that_always_fails_is_put_aside_and_the_next_one_handled(world):
    world.consumer("us").close()
    world.publish("poison", "good")

    assert fail_to_handle(world, DELIVERIES_MAX) == ["poison"] * DELIVERIES_MAX

    assert world.drain("us", 1) == ["good"]
    (dead,) = wait_for_dead_letters(world, 1)
    assert dead.reason == f"it was delivered {DELIVERIES_MAX} times and never acknowledged"
    assert dead.dependency.scope == "eu"


def test_dead_letters_come_back_when_they_are_put_back_and_count_anew(world):
    world.consumer("us").close()
    world.publish("poison")
    fail_to_handle(world, DELIVERIES_MAX)
    wait_for_dead_letters(world, 1)

    assert world.agent("us").requeue_dead_letters(world.exchange, KEY) == 1

    assert world.agent("us").dead_letters(world.exchange, KEY) == ()
    assert fail_to_handle(world, DELIVERIES_MAX - 1) == ["poison"] * (DELIVERIES_MAX - 1)
    assert world.drain("us", 1) == ["poison"]


def test_looking_changes_nothing(world):
    world.consumer("us").close()
    world.publish("poison")
    fail_to_handle(world, DELIVERIES_MAX)
    dead = wait_for_dead_letters(world, 1)

    for _ in range(3 * DELIVERIES_MAX):
        assert world.agent("us").dead_letters(world.exchange, KEY) == dead


def test_where_nothing_was_ever_consumed_there_are_no_dead_letters(world):
    assert world.agent("us").dead_letters(world.exchange, KEY) == ()
    assert world.agent("us").requeue_dead_letters(world.exchange, KEY) == 0


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (None, "of another program"),
        ({"x-weaverlab-format": 1, "x-weaverlab-version": "garbage"}, "not a region and a version"),
        (
            headers_of(Message(b"", NEWER_LINEAGE, Dependency("notes", "eu", 1), b"")),
            f"a lineage in format {FORMAT + 1}",
        ),
    ],
    ids=["another program", "garbage", "newer lineage"],
)
def test_a_message_that_we_cannot_read_is_put_aside_unopened_and_the_next_one_handled(
    world, channel, caplog, headers, reason
):
    consumer = world.consumer("us")
    channel.basic_publish(world.exchange, KEY, b"no pickle", pika.BasicProperties(headers=headers))
    world.publish("good")

    with consumer as messages:
        assert next(messages).value == "good"

    (dead,) = wait_for_dead_letters(world, 1)
    assert reason in dead.reason
    assert dead.value == b"no pickle"
    assert dead.dependency is None
    assert reason in caplog.text


def test_a_value_that_cannot_be_unpickled_here_is_an_error_at_each_delivery_and_then_a_dead_letter(world, channel):
    consumer = world.consumer("us")
    headers = headers_of(Message(b"", b"", Dependency("notes", "eu", 1), b""))
    channel.basic_publish(world.exchange, KEY, b"no pickle", pika.BasicProperties(headers=headers))
    world.publish("good")

    for messages in [consumer, *(world.consumer("us") for _ in range(DELIVERIES_MAX - 1))]:
        with pytest.raises(StoreError, match="the stored value cannot be unpickled here"), messages:
            next(messages)

    assert world.drain("us", 1) == ["good"]
    (dead,) = wait_for_dead_letters(world, 1)
    assert dead.value == b"no pickle"


def test_a_store_without_dead_letters_says_so():
    notes = Deployment().replica("eu").agent("notes")

    with pytest.raises(StoreError, match="store 'notes' keeps no dead letters"):
        notes.dead_letters("notes", "new")
