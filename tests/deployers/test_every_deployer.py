"""One body under every deployer: what an application does must not depend on where its components run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

import weaverlab as weaver
from tests.apps.shop import Catalogue, Front, Item, Mirror, Shop, SoldOut, Storage, config
from weaverlab import Deployment
from weaverlab.errors import DeclarationError, NotFoundError, StoppedError
from weaverlab.history import Invoked

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture(params=["single", "rpc", "multi"], scope="module")
def app(request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with weaver.deploy(Shop, deployer=request.param, config=config()) as deployment:
        yield deployment


def test_a_call_passes_records_and_returns_values(app: Deployment) -> None:
    storage = app.get(Catalogue)

    answer = storage.store(Item("tea", 3))

    assert answer == "stored tea"
    assert storage.fetch("tea") == Item("tea", 3)


def test_a_handle_accepts_arguments_as_the_interface_declares_them(app: Deployment) -> None:
    storage = app.get(Catalogue)

    assert storage.buy("tea") == "1 tea because none [] by None"
    assert (
        storage.buy(name="tea", count=2, reason="thirst", size="big")
        == "2 tea because thirst [('size', 'big')] by None"
    )
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
        storage.buy()  # type: ignore[call-arg]


def test_an_exception_keeps_class_arguments_and_cause_and_shows_where_it_was_raised(app: Deployment) -> None:
    with pytest.raises(SoldOut) as raised:
        app.get(Catalogue).buy("tea", 11)

    assert (raised.value.name, raised.value.left) == ("tea", 10)
    assert isinstance(raised.value.__cause__, KeyError) or "KeyError" in str(raised.value.__cause__)
    assert "raise SoldOut(name, 10) from missing" in "".join(_shown(raised.value))


def test_a_missing_item_is_a_key_error(app: Deployment) -> None:
    with pytest.raises(NotFoundError, match="items/nothing"):
        app.get(Catalogue).fetch("nothing")


def test_metadata_travels_with_the_call(app: Deployment) -> None:
    with weaver.metadata(user="ann"):
        assert app.get(Catalogue).buy("tea").endswith("by ann")


def test_async_methods_are_awaited_from_any_loop(app: Deployment) -> None:
    doubles = asyncio.run(app.get(Front).doubles([1, 2, 3]))

    assert doubles == [2, 4, 6]


def test_a_read_in_another_region_misses_a_write_that_is_still_on_its_way(app: Deployment) -> None:
    assert not app.get(Front).add_and_mirror(Item("early", 1), with_barrier=False)


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


def test_the_status_counts_calls_by_caller_and_method(app: Deployment) -> None:
    before = _calls(app)
    app.get(Catalogue).pid()

    assert _calls(app) == before + 1


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


def test_a_misspelt_component_is_named_with_the_nearest_right_one(app: Deployment) -> None:
    with pytest.raises(DeclarationError, match=r"'Storag' is not a component.*Did you mean 'Storage'"):
        app.get("Storag")


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


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_main_runs_its_body_and_its_log_lines_are_kept(deployer: str) -> None:
    with weaver.deploy(Shop, deployer=deployer, config=config()) as app:
        app.run_main()

    entries = [entry for entry in app.logs() if str(entry["message"]).startswith("open at 127.0.0.1")]
    assert [(entry["component"], entry["level"]) for entry in entries] == [("Shop", "INFO")]


def _storage_only() -> object:
    from dataclasses import replace

    return replace(config(), regions={"eu": ("Storage",)})


def _calls(app: Deployment) -> int:
    return sum(stats.calls for stats in app.status().calls() if (stats.caller, stats.method) == ("client", "pid"))


def _shown(error: BaseException) -> list[str]:
    import traceback

    return traceback.format_exception(error)
