"""Two regions with a virtual host each, joined by federation, on a broker that can be stopped, paused and starved."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.stores.deployment import in_thread
from tests.stores.rabbitmq.world import KEY, wait_until
from weaverlab.antipode import Dependency, Lineage, context, request
from weaverlab.errors import DeadlineExceeded, RemoteCallError, Unreachable
from weaverlab.servers.programs import path_of
from weaverlab.stores.rabbitmq import datastore, publisher

pytestmark = pytest.mark.slow

MARK = "mark"


@pytest.fixture
def linked(far):
    """The world once messages of its exchange reach `us`; both regions have consumed, and their queues are empty."""
    eu, us = far.consumer("eu"), far.consumer("us")
    notes = far.agent("eu")
    arriving = in_thread(next, us)
    marks = 0
    while not arriving.done():
        notes.write(far.exchange, KEY, MARK)
        marks += 1
        time.sleep(0.05)  # the link learns of the queue, and nobody is told when it has
    with us, eu:
        for _ in range(marks):
            next(eu)
        notes.write(far.exchange, KEY, None)
        while next(us).value is not None:
            pass
        next(eu)
    return far


def test_a_message_reaches_each_region_once_with_its_headers_wherever_it_was_published(linked):
    linked.trace = "ab" * 16
    post = Dependency("posts", "eu", 17)
    for region in ("eu", "us"):
        with request():
            context.replace(Lineage([post]))
            note = linked.agent(region).write(linked.exchange, KEY, region)

        assert note.scope == "eu"
        for reader in ("eu", "us"):
            linked.trace = ""
            with linked.consumer(reader) as messages:
                assert next(messages) == (region, note.version, Lineage([post, note]))
                assert linked.trace == "ab" * 16
            linked.trace = "ab" * 16


def test_a_message_takes_the_lag_to_the_other_region(linked):
    with linked.consumer("us") as messages:
        published_s = time.monotonic()
        linked.publish(1)
        next(messages)
        took_s = time.monotonic() - published_s

    assert took_s >= 0.02


def test_a_region_that_is_cut_off_gets_its_messages_later(linked, group):
    group.pause()
    try:
        linked.publish(*range(20))
        assert linked.drain("eu", 20) == list(range(20))
        waiting = linked.consumer("us")
        first = in_thread(next, waiting)
        assert not first.done()
    finally:
        group.resume()

    with waiting as messages:
        assert first.result(20).value == 0
        assert [next(messages).value for _ in range(19)] == list(range(1, 20))


def test_a_restart_loses_no_message_and_consumers_and_writers_go_on(linked, group):
    notes, consumer = linked.agent("eu"), linked.consumer("eu")
    for value in range(20):
        notes.write(linked.exchange, KEY, value)

    with consumer as messages:
        handled = [next(messages).value]
        group.stop_primary()
        try:
            with pytest.raises(Unreachable, match="Connection refused"):
                notes.write(linked.exchange, KEY, 20)
            assert not notes.health().is_healthy
        finally:
            group.start_primary()
        wait_until(lambda: notes.health().is_healthy, 30)
        notes.write(linked.exchange, KEY, 20)
        while handled[-1] != 20:
            handled.append(next(messages).value)

    assert handled == [0, *range(21)]  # the first was not acknowledged when the broker went


def test_a_broker_without_memory_keeps_writers_waiting_for_a_while_and_not_for_ever(linked, group, monkeypatch):
    monkeypatch.setattr(publisher, "READY_TIMEOUT_S", 0.5)
    monkeypatch.setattr(datastore, "WRITE_TIMEOUT_S", 1.0)
    notes = linked.agent("eu")
    notes.write(linked.exchange, KEY, "before")

    rabbitmqctl(group, "set_vm_memory_high_watermark", "0")
    try:
        with pytest.raises(RemoteCallError) as first:
            notes.write(linked.exchange, KEY, "maybe")
        with pytest.raises(Unreachable, match="too little memory or disk left"):
            notes.write(linked.exchange, KEY, "never")
    finally:
        rabbitmqctl(group, "set_vm_memory_high_watermark", "0.4")

    assert isinstance(first.value, DeadlineExceeded) and first.value.maybe_executed
    wait_until(lambda: wrote(notes, linked.exchange, "after"))
    values = linked.drain("eu", 3)
    assert values in (["before", "maybe", "after"], ["before", "after", "after"])


def wrote(notes, exchange: str, value: object) -> bool:
    try:
        notes.write(exchange, KEY, value)
    except RemoteCallError:
        return False
    return True


def rabbitmqctl(group, *command: str) -> None:
    """Run the administrator's tool on the broker of `group`, in the environment that the broker itself has."""
    everybody = map(environ_of, Path("/proc").glob("[0-9]*"))
    broker = next(one for one in everybody if one.get("HOME", "").startswith(f"{group.folder}/"))
    names = ("HOME", "ERL_EPMD_ADDRESS", "ERL_EPMD_PORT", "RABBITMQ_NODENAME")
    environ = {**os.environ, **{name: broker[name] for name in names}}
    subprocess.run([path_of("rabbitmqctl"), *command], env=environ, check=True, capture_output=True)


def environ_of(process: Path) -> dict[str, str]:
    try:
        lines = (process / "environ").read_text().split("\0")
    except OSError:  # it has ended
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line)
