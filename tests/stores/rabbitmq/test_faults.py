"""What goes wrong between us and RabbitMQ: a clear error or a bounded wait, and nothing lost."""

from __future__ import annotations

import logging
import os
import signal
import socket
import traceback

import pytest

from tests.stores.deployment import in_thread
from tests.stores.rabbitmq.relay import Relay
from tests.stores.rabbitmq.world import KEY, World, one_broker, wait_until
from weaverlab.antipode import context, request
from weaverlab.errors import CallLost, DeadlineExceeded, RemoteCallError, StoreError, Unreachable
from weaverlab.stores.rabbitmq import link, messages, subscription

SECRET = "hush-nobody-may-see-this"


@pytest.fixture
def relay():
    made = Relay(5672)
    yield made
    made.close()


@pytest.fixture
def distant(world, relay):
    """The world as seen through a relay that can be cut."""
    made = World(one_broker(relay.address), world.exchange)
    yield made
    made.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def text_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))


@pytest.fixture
def elsewhere():
    """Make worlds with other settings, and close them."""
    made = []

    def make(address: str = "127.0.0.1:5672", **settings: str) -> World:
        made.append(World(one_broker(address, **settings), "weaverlab-test-nowhere"))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_broker_that_is_not_there_is_unreachable_and_nothing_was_published(elsewhere):
    address = f"127.0.0.1:{free_port()}"
    notes = elsewhere(address).agent("eu")

    with request():
        with pytest.raises(Unreachable, match=rf"RabbitMQ at {address}.*Connection refused") as caught:
            notes.write("e", KEY, 1)
        assert not caught.value.maybe_executed
        assert not context.current()
    with pytest.raises(Unreachable):
        notes.consume("e", KEY)
    assert not notes.health().is_healthy


def test_wrong_credentials_are_an_error_that_names_the_user_and_shows_no_password_anywhere(elsewhere, caplog):
    caplog.set_level(logging.DEBUG)
    world = elsewhere(user="guest", password=SECRET)
    replica = world.replica("eu")
    notes = replica.agent("notes")

    with pytest.raises(StoreError, match=r"refused user 'guest'\. Check user, .* \[antipode\.notes\]") as caught:
        notes.write("e", KEY, 1)

    for shown in (text_of(caught.value), caplog.text, repr(notes), repr(vars(notes)), notes.health().detail):
        assert SECRET not in shown
    assert "pika" not in {record.name.partition(".")[0] for record in caplog.records}


@pytest.mark.parametrize("tls", [True, "/no/such/ca.pem"])
def test_tls_that_cannot_be_is_an_error_that_names_the_setting(elsewhere, tls):
    notes = elsewhere(tls=tls).agent("eu")

    with pytest.raises(StoreError, match=r"Check user, password, database and tls in \[antipode\.notes\]") as caught:
        notes.write("e", KEY, 1)

    assert ".." not in str(caught.value)


def test_a_virtual_host_that_is_not_there_is_named_with_the_command_that_makes_it(elsewhere):
    notes = elsewhere(database="nowhere").agent("eu")

    with pytest.raises(StoreError, match=r"vhost nowhere not found.*rabbitmqctl add_vhost nowhere"):
        notes.write("e", KEY, 1)


def test_an_exchange_that_was_made_otherwise_is_an_error_for_writers_and_consumers(world, channel):
    channel.exchange_declare(world.exchange, "fanout")

    for _ in range(2):  # the connection lives on
        with pytest.raises(StoreError, match=r"inequivalent arg 'type'.*made otherwise"):
            world.agent("eu").write(world.exchange, KEY, 1)
    with pytest.raises(StoreError, match="made otherwise"):
        world.consumer("us")


def test_a_queue_that_was_made_otherwise_is_an_error(world, channel):
    channel.queue_declare(world.queue("us"), durable=True)

    with pytest.raises(StoreError, match="made otherwise"):
        world.consumer("us")


def test_a_message_that_one_queue_refuses_may_be_in_another_and_the_error_says_so(world, channel):
    consumer = world.consumer("us")
    full = channel.queue_declare("", exclusive=True, arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
    channel.queue_bind(full.method.queue, world.exchange, KEY)

    with pytest.raises(CallLost, match=rf"the message to {world.exchange}/{KEY} was refused by a queue") as caught:
        world.publish("hello")

    assert caught.value.maybe_executed
    with consumer as messages:
        assert next(messages).value == "hello"
    channel.queue_delete(full.method.queue)


def test_a_message_that_is_too_large_is_refused_before_it_is_sent(world):
    consumer = world.consumer("us")

    with pytest.raises(StoreError, match=r"a value of 16,777,2\d\d bytes; a message takes at most 16,777,216"):
        world.publish(bytes(messages.MAX_VALUE_BYTES))

    consumer.close()


def test_a_large_message_arrives(world):
    consumer, value = world.consumer("us"), bytes(messages.MAX_VALUE_BYTES - 100)
    world.publish(value)

    with consumer as received:
        assert next(received).value == value


def test_a_write_has_no_more_time_than_its_call(world):
    consumer = world.consumer("us")
    now = [10.0]
    notes = world.replica("eu", remaining_s=lambda: now[0]).agent("notes")
    notes.write(world.exchange, KEY, "in time")
    now[0] = 0.0

    with pytest.raises(DeadlineExceeded, match="was over before") as caught:
        notes.write(world.exchange, KEY, "too late")

    assert not caught.value.maybe_executed
    consumer.close()


def test_a_region_without_a_broker_is_an_error(world):
    with pytest.raises(StoreError, match="no broker in region 'asia'; it has: eu, us"):
        world.agent("asia").consume(world.exchange, KEY)


def test_writing_goes_on_over_a_new_connection_when_the_old_one_is_lost(world, distant, relay):
    consumer = world.consumer("us")
    notes = distant.agent("eu")
    notes.write(world.exchange, KEY, 1)

    relay.cut()
    wait_until(lambda: write_again(notes, world.exchange, 2))

    with consumer as received:
        assert [next(received).value for _ in range(2)] == [1, 2]


def write_again(notes, exchange: str, value: object) -> bool:
    """Write once; false when the lost connection is only noticed by it, which is an error."""
    try:
        notes.write(exchange, KEY, value)
    except RemoteCallError:
        return False
    return True


def test_a_connection_that_is_lost_before_the_confirm_says_that_the_message_may_have_been_published(
    world, distant, relay, monkeypatch
):
    consumer = world.consumer("us")
    notes = distant.agent("eu")
    notes.write(world.exchange, KEY, 1)
    publisher = notes._datastore._client("eu").publisher
    monkeypatch.setattr(publisher._confirms, "confirmed", lambda method: relay.cut())  # the confirm never arrives

    with request():
        with pytest.raises(CallLost, match=r"ended before the message .* was confirmed") as caught:
            notes.write(world.exchange, KEY, 2)
        assert caught.value.maybe_executed
        assert not context.current()

    with consumer as received:
        assert [next(received).value for _ in range(2)] == [1, 2]


def test_a_connection_that_is_lost_while_a_message_is_handled_costs_a_second_delivery(world, distant, relay, caplog):
    consumer = distant.consumer("us")
    world.publish(1, 2)

    handled = []
    with consumer as received:
        for message in received:
            if not handled:
                relay.cut()
                wait_until(consumer._subscription._channel.lost.done)
            handled.append(message.value)
            if message.value == 2:
                break

    assert handled == [1, 1, 2]
    assert "(1 such messages of this consumer)" in caplog.text


def test_a_consumer_can_be_closed_while_its_broker_is_away(world, distant, relay):
    messages = distant.consumer("us")
    relay.close()
    looping = in_thread(list, messages)

    messages.close()

    assert looping.result(10) == []


def test_a_consumer_waits_for_a_broker_that_is_away_and_gives_up_in_the_end(world, distant, relay, monkeypatch):
    monkeypatch.setattr(subscription, "PATIENCE_S", 0.3)
    consumer = distant.consumer("us")
    relay.close()

    with pytest.raises(Unreachable, match="RabbitMQ at"), consumer as received:
        next(received)


def test_a_broker_that_does_not_say_goodbye_is_left_without_it(world, distant, relay, monkeypatch):
    monkeypatch.setattr(link, "CLOSE_TIMEOUT_S", 0.1)
    with world.consumer("us"):  # so that there is a queue
        distant.publish("hello")
    relay.is_silent = True

    distant.close()

    assert relay.are_all_gone(timeout_s=5)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # of threads, which is what this is about
def test_a_forked_child_leaves_the_connections_to_its_parent(world):
    with world.consumer("us") as consumed:
        world.publish("hello")

        child = os.fork()
        if child == 0:
            signal.alarm(10)  # which ends it, if it waits for its parent's thread
            world.close()
            os._exit(0)

        assert os.waitpid(child, 0)[1] == 0
        assert next(consumed).value == "hello"
