"""Trials of delivery over real processes: a consumer is killed at one step of its handling, again and again.

    subscribe --> receive --> handle ... --> (handled) --> acknowledge --> receive ...
        |            |            |              |              |
     "before      "after       "while         "before        "after
      receiving"   receiving"   handling"      acknowledging" acknowledging"

A process dies by its own SIGKILL, so at exactly that step; its deployer starts it again. What was begun and what was
handled is written down in files, whole lines at a time, which survive. `tests/stores/test_delivery.py` runs trials
small, `benchmarks/delivery.py` large. Not in here: which outcome is good enough.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import weaverlab as weaver
from benchmarks.fault_trials import first_deaths_only, say_nothing, wait_for, write_down
from weaverlab import Antipode, Component, Ref, WithConfig
from weaverlab.config import parse
from weaverlab.errors import StoppedError
from weaverlab.stores.rabbitmq.messages import dead_queue_name, queue_name

STEPS = ("before receiving", "after receiving", "while handling", "before acknowledging", "after acknowledging")
EXCHANGE, KEY = "delivery", "new"
LEASE_S = 1.0  # after which an embedded queue delivers again what a dead consumer held
PATIENCE_S = 120.0


@dataclass
class Killed:
    """Where a consumer dies, by turns, with every how many messages, how often in all; `folder` has the files."""

    folder: str
    exchange: str
    steps: tuple[str, ...]
    every: int
    kills: int


class Consumer(Component, WithConfig[Killed]):
    """Handles messages in a thread of its own, in `us`, until it is killed or stopped."""

    notes: Antipode

    def init(self) -> None:
        self._consumer = self._consume()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        self._consumer.close()
        self._thread.join()

    def ping(self) -> int:
        return os.getpid()

    def _consume(self) -> Any:
        return self.notes.consume(self.config.exchange, KEY, LEASE_S)

    def _run(self) -> None:
        deaths = len(lines(self.config.folder, "deaths"))
        try:
            if deaths < self.config.kills:
                self._handle_until_death(self.config.steps[deaths % len(self.config.steps)])
            with self._consumer as messages:
                for message in messages:
                    self._handle(message.value)
        except StoppedError:
            pass

    def _handle_until_death(self, step: str) -> None:
        with self._consumer as messages:
            for number, message in enumerate(messages, 1):
                if number == self.config.every:
                    self._handle(message.value, step)
                    break
                self._handle(message.value)
            if step == "after acknowledging":
                messages._subscription.release = lambda: self._die(step)  # what comes next; so no goodbye is said
        self._consumer = self._consume()
        self._die(step)

    def _handle(self, value: int, step: str = "") -> None:
        if step == "after receiving":
            self._die(step)
        write_down(f"{self.config.folder}/begun", str(value))
        if step == "while handling":
            self._die(step)
        write_down(f"{self.config.folder}/handled", str(value))
        if step == "before acknowledging":
            self._die(step)

    def _die(self, step: str) -> None:
        write_down(f"{self.config.folder}/deaths", step)
        os.kill(os.getpid(), signal.SIGKILL)


class Producer(Component):
    """Publishes numbers, in `eu`."""

    consumer: Ref[Consumer]
    notes: Antipode

    def publish(self, exchange: str, first: int, count: int) -> int:
        """Return how many writes returned."""
        for value in range(first, first + count):
            self.notes.write(exchange, KEY, value)
        return count

    def ping(self) -> int:
        return self.consumer.ping()


@dataclass(frozen=True)
class Delivered:
    """What became of the messages of one trial; "twice" counts all deliveries but the first."""

    store: str
    steps: tuple[str, ...]
    published: int
    kills: int
    lost: int
    begun_twice: int
    handled_twice: int
    took_s: float


def trial(store: str, section: dict[str, Any], steps: Sequence[str], messages: int, kills: int) -> Delivered:
    """Publish `messages` to a queue whose consumer is killed `kills` times; return what became of them.

    Args:
        section: what [antipode.notes] says, with regions eu and us.
        steps: where it is killed, by turns.
    """
    exchange = f"{EXCHANGE}-{os.getpid()}-{time.monotonic_ns()}"
    with tempfile.TemporaryDirectory(prefix="wl-") as folder, first_deaths_only():
        for name in ("begun", "handled", "deaths"):
            Path(folder, name).touch()
        every = max(1, messages // (kills + 1))
        killed = Killed(folder, exchange, tuple(steps), every, kills)
        started_s = time.monotonic()
        with weaver.deploy(Producer, config=parse(_toml(section, killed)), show=say_nothing) as app:
            producer: Any = app.get(Producer)
            batch = max(1, messages // 10)  # calls with deadlines, well under them
            published = sum(producer.publish(exchange, first, batch) for first in range(0, messages, batch))
            wait_for(lambda: _is_over(folder, published, kills), PATIENCE_S)
        took_s = time.monotonic() - started_s
        if section["type"] == "rabbitmq":
            _delete_queues(section["servers"]["us"], exchange)
        begun, handled, deaths = (lines(folder, name) for name in ("begun", "handled", "deaths"))
    lost = len({str(number) for number in range(published)} - set(handled))
    twice = len(begun) - len(set(begun)), len(handled) - len(set(handled))
    return Delivered(store, tuple(steps), published, len(deaths), lost, *twice, took_s)


def _is_over(folder: str, published: int, kills: int) -> bool:
    """Whether all is handled; what was handled and not acknowledged has come back, too."""
    deaths, handled = lines(folder, "deaths"), lines(folder, "handled")
    is_done = len(deaths) >= kills and len(set(handled)) >= published
    return is_done and len(handled) >= published + deaths.count("before acknowledging")


def lines(folder: str, name: str) -> list[str]:
    return Path(folder, name).read_text().splitlines()


def _delete_queues(address: str, exchange: str) -> None:
    import pika

    host, _, port = address.rpartition(":")
    queue = queue_name(exchange, KEY, "us")
    with pika.BlockingConnection(pika.ConnectionParameters(host, int(port))) as connection:
        channel = connection.channel()
        for name in (queue, dead_queue_name(queue)):
            channel.queue_delete(name)
        channel.exchange_delete(exchange)


def _toml(section: dict[str, Any], killed: Killed) -> str:
    return "\n".join(
        [
            "[multi]\nrestarts_max = 1000000\n[regions]\neu = ['Producer']\nus = ['Consumer']\n[antipode.notes]",
            *(f"{key} = {_value(value)}" for key, value in section.items()),
            "[Consumer]",
            *(f"{key} = {_value(value)}" for key, value in vars(killed).items()),
        ]
    )


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    return repr(list(value) if isinstance(value, tuple) else value)
