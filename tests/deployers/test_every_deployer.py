"""One body under every deployer, with stores and lineage; what holds without them is in `weaverlab.testing.suite`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import weaverlab as weaver
from tests.apps.shop import Catalogue, Front, Item, Mirror, Shop, Storage, config
from weaverlab import Deployment
from weaverlab.errors import NotFoundError, StoppedError
from weaverlab.history import Invoked

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture(params=["single", "rpc", "multi"], scope="module")
def app(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with weaver.deploy(Shop, deployer=request.param, config=config()) as deployment:
        yield deployment


def test_a_missing_item_is_a_key_error(app: Deployment) -> None:
    with pytest.raises(NotFoundError, match="items/nothing"):
        app.get(Catalogue).fetch("nothing")


def test_a_read_in_another_region_misses_a_write_that_is_still_on_its_way(app: Deployment) -> None:
    front = app.get(Front)

    seen = [front.add_and_mirror(Item(f"early {n}", 1), with_barrier=False) for n in range(10)]

    assert not all(seen)  # on a machine that is busy, some of them have arrived


def test_a_barrier_waits_for_what_the_request_depends_on(app: Deployment) -> None:
    assert app.get(Front).add_and_mirror(Item("late", 1), with_barrier=True)


def test_replies_bring_back_the_lineage_that_the_callee_added(app: Deployment) -> None:
    with weaver.request():
        app.get(Catalogue).store(Item("traced", 1))

        assert weaver.get_lineage() != b""


def test_a_request_can_be_followed_through_every_component(app: Deployment) -> None:
    with weaver.request() as trace:
        app.get(Catalogue).store(Item("followed", 1))

    story = str(app.lineage(trace))
    assert "client" in story and "Storage" in story and "wrote items/followed" in story


def test_every_call_of_a_request_is_told_apart_from_the_others(app: Deployment) -> None:
    with weaver.request() as trace:
        app.get(Catalogue).store(Item("one", 1))
        app.get(Mirror).fetch_now("one")
        app.get(Front).add_and_mirror(Item("two", 1), with_barrier=False)

    invoked = [event for event in app.events() if isinstance(event, Invoked) and event.request == trace]
    assert [event.callee for event in invoked] == ["Storage", "Mirror", "Front"]
    assert len({event.span for event in invoked}) == 3


def test_bytes_of_remote_calls_are_counted_and_local_ones_send_none(app: Deployment) -> None:
    app.get(Catalogue).store(Item("x" * 5_000, 1))
    asyncio.run(app.get(Front).doubles([1]))

    sent = {(stats.caller, stats.method): stats.bytes for stats in app.status().calls()}
    is_remote = app.status().deployer != "single"
    assert (sent["client", "store"] > 10_000) is is_remote  # the name goes there, and back in the answer
    assert (sent["client", "doubles"] > 40) is is_remote


def test_listeners_are_bound_and_reported(app: Deployment) -> None:
    host, _, port = app.listener("web").partition(":")

    assert host == "127.0.0.1" and int(port) > 0
    with pytest.raises(weaver.errors.WeaverError, match=r"no listener 'wep'.*Did you mean 'web'"):
        app.listener("wep")


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_after_stop_handles_say_so_and_the_last_status_stays(deployer: str) -> None:
    app = weaver.deploy(Storage, deployer=deployer, config=_storage_only())
    storage = app.get(Catalogue)
    app.stop()
    app.stop()

    assert app.status().state == "stopped"
    assert all(replica.healthy for replica in app.status().replicas)  # as it was: nothing of it is down
    with pytest.raises(StoppedError):
        app.get(Catalogue)
    if deployer != "single":
        with pytest.raises(StoppedError):
            storage.pid()


def _storage_only() -> object:
    from dataclasses import replace

    return replace(config(), regions={"eu": ("Storage",)})
