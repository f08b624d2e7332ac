"""The rpc deployer executes every retriable call twice, and hides that as far as a lost reply would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import weaverlab as weaver
from weaverlab import Antipode, Component, Deployment, not_retriable
from weaverlab.config import parse
from weaverlab.history import Finished, Started

pytestmark = pytest.mark.usefixtures("no_process_left")


class Notes(Component):
    notes: Antipode

    def init(self) -> None:
        self.is_first = True

    def write_at_first(self) -> None:
        if self.is_first:
            self.notes.write("notes", "key", "text")
        self.is_first = False


class Counter(Component):
    def init(self) -> None:
        self.count = 0
        self.seen: list[str] = []

    def up(self) -> int:
        self.count += 1
        return self.count

    @not_retriable
    def up_once(self) -> int:
        self.count += 1
        return self.count

    async def up_async(self) -> int:
        self.count += 1
        return self.count

    def pop(self, name: str) -> str:
        self.seen.append(name)
        if self.seen.count(name) > 1:
            raise KeyError(name)
        return name

    def fail_at_first(self, name: str) -> str:
        self.seen.append(name)
        if self.seen.count(name) == 1:
            raise KeyError(name)
        return name


@pytest.fixture
def app() -> Iterator[Deployment]:
    with weaver.deploy(Counter, deployer="rpc") as app:
        yield app


def test_the_second_answer_counts(app: Deployment) -> None:
    counter = app.get(Counter)

    assert counter.up() == 2
    assert asyncio.run(counter.up_async()) == 4
    assert counter.fail_at_first("x") == "x"
    with pytest.raises(KeyError):
        counter.pop("y")


def test_a_method_that_is_not_retriable_is_executed_once(app: Deployment) -> None:
    assert app.get(Counter).up_once() == 1


def test_the_lineage_of_both_executions_comes_back() -> None:
    with (
        weaver.deploy(Notes, deployer="rpc", config=parse('[antipode.notes]\ntype = "embedded-kv"\n')) as app,
        weaver.request(),
    ):
        app.get(Notes).write_at_first()

        assert weaver.get_lineage() != b""


def test_figures_and_events_show_one_call(app: Deployment) -> None:
    with weaver.request() as trace:
        app.get(Counter).up()

    stats = next(stats for stats in app.status().calls() if stats.method == "up")
    events = [event for event in app.events() if event.request == trace]
    assert (stats.calls, stats.errors, stats.retries) == (1, 0, 0)
    assert [type(event) for event in events].count(Started) == 1
    assert [type(event) for event in events].count(Finished) == 1
