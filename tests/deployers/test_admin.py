"""A deployment as other processes of the same user see it: found, asked, stopped, and never in its own way."""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import replace
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps.shop import Item, Shop, config
from weaverlab import Component, registry
from weaverlab.deployers import attach
from weaverlab.deployers.output import KEPT_MAX, PAGE_MAX, Output
from weaverlab.errors import AttachError
from weaverlab.runtime.logs import LogEntry
from weaverlab.runtime.version import WEAVERLAB_VERSION

pytestmark = pytest.mark.usefixtures("no_process_left")


class Speaker(Component):
    def say(self, count: int) -> None:
        for number in range(count):
            self.logger.info("number %d", number)


def nothing(entry: LogEntry) -> None:
    pass


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(registry.STATE_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_a_deployment_is_registered_as_what_it_is_while_it_runs(deployer) -> None:
    with weaver.deploy(Shop, deployer=deployer, config=config(), show=nothing) as app:
        [record] = registry.running()

        assert (record.id, record.app, record.deployer) == (app.id, "tests.apps.shop.Shop", deployer)
        assert (record.pid, record.weaverlab_version) == (os.getpid(), WEAVERLAB_VERSION)
    assert registry.running() == []


def test_a_deployment_of_tests_is_not_registered() -> None:
    with weaver.deploy(Speaker, deployer="rpc", show=nothing):
        assert registry.running() == []


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_another_process_sees_what_its_owner_sees(deployer) -> None:
    with weaver.deploy(Shop, deployer=deployer, config=config(), show=nothing) as app:
        app.get("Storage").store(Item("tea", 3))
        with weaver.request():
            app.get("Storage").fetch("tea")
        other = attach(registry.running()[0])

        assert other.status() == app.status()
        assert other.events() == app.events() != ()
        other.close()


def test_log_entries_are_read_on_from_the_last_one_seen_and_the_end_is_told() -> None:
    with weaver.deploy(Speaker, deployer="single", show=nothing) as app:
        other = attach(registry.running()[0])
        app.get(Speaker).say(PAGE_MAX + 3)

        first = other.log_page()
        second = other.log_page(first.next)
        waiting = _later(lambda: other.log_page(second.next, wait_s=1.0))

        assert [len(first.entries), len(second.entries)] == [PAGE_MAX, 3]
        assert second.entries[-1]["message"] == f"number {PAGE_MAX + 2}"
        assert not second.is_last
        app.get(Speaker).say(1)
        assert [entry["message"] for entry in waiting().entries] == ["number 0"]
        other.close()


def test_who_waits_for_log_entries_gets_the_last_ones_when_the_deployment_stops() -> None:
    output = Output(nothing)
    waiting = _later(lambda: output.page(0, wait_s=20.0))

    output.printed(0.0, "Speaker/0", "bye")
    output.end()

    page = waiting()
    assert [entry["message"] for entry in page.entries] == ["bye"]
    assert output.page(page.next, wait_s=20.0).is_last


def test_entries_that_are_gone_are_skipped() -> None:
    output = Output(nothing)
    for number in range(KEPT_MAX + 7):
        output.printed(0.0, "Speaker/0", str(number))

    page = output.page(2, wait_s=0.0)

    assert page.entries[0]["message"] == "7" and page.next == 7 + PAGE_MAX


def test_another_process_can_stop_it_in_order() -> None:
    app = weaver.deploy(Speaker, show=nothing)
    [record] = registry.running()
    other = attach(record)

    other.stop(1.0)
    app.stop()  # waits until it has been

    assert app.status().state == "stopped" and registry.running() == []
    with pytest.raises(AttachError, match=f"deployment {app.id} .* has just ended"):
        other.status()
    other.close()


def test_another_version_of_weaverlab_is_refused_with_both_named_before_anything_is_sent() -> None:
    with weaver.deploy(Speaker, deployer="single", show=nothing):
        [record] = registry.running()

        with pytest.raises(AttachError, match=rf"runs on WeaverLab 0\.0\.9, this is {WEAVERLAB_VERSION}"):
            attach(replace(record, weaverlab_version="0.0.9", address="unix:/nowhere"))


def test_who_does_not_know_the_secret_learns_nothing() -> None:
    said = queue.SimpleQueue[LogEntry]()
    with weaver.deploy(Speaker, deployer="single", show=said.put):
        [record] = registry.running()
        stranger = attach(replace(record, secret="00" * 32))

        with pytest.raises(AttachError, match="does not answer"):
            stranger.status()

        assert "refused a connection" in str(said.get(timeout=20)["message"])
        stranger.close()


def test_an_answer_does_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(weaver.Deployment, "events", lambda self: never.wait(30) and ())
    with weaver.deploy(Speaker, deployer="single", show=nothing):
        other = attach(registry.running()[0], patience_s=0.2)

        with pytest.raises(AttachError, match=r"no answer within"):
            other.events()

        never.set()
        other.close()


def test_where_nothing_can_be_registered_it_runs_all_the_same_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(registry.STATE_VARIABLE, "/proc/nothing")

    with weaver.deploy(Speaker, deployer="multi", show=nothing) as app:
        app.get(Speaker).say(1)
        warnings = [entry for entry in app.logs() if entry["level"] == "WARNING"]

    assert len(warnings) == 1
    assert "other terminals will not see this deployment" in str(warnings[0]["message"])
    assert "/proc/nothing" in str(warnings[0]["message"])


def test_nothing_is_left_open_after_a_deployment(tmp_path: Path) -> None:
    def deploy_once() -> tuple[int, int]:
        with weaver.deploy(Speaker, deployer="single", show=nothing):
            other = attach(registry.running()[0])
            other.status()
            other.close()
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    deploy_once()

    assert deploy_once() == deploy_once()


def _later(question):
    """Ask on another thread; return what waits for the answer."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(question()))
    thread.start()

    def answer():
        thread.join(20)
        return answers[0]

    return answer
