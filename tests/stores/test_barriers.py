"""Barriers over real threads and small real lags: they end when they should, and say why."""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time

import pytest

from tests.stores.deployment import in_thread
from weaverlab.antipode import BarrierFaults, Dependency, Lineage, barriers, context, transfer
from weaverlab.errors import BarrierTimeout, Cancelled, ConfigError, NotFoundError, StoppedError, StoreError
from weaverlab.stores import Datastores, Host, embedded, waiting
from weaverlab.stores.blocking import check_wanted
from weaverlab.stores.embedded import EmbeddedWaiter

NEVER_MS = 60_000  # a lag that no test lives to see


class CountingService:
    """The service with a count of the calls that a barrier makes."""

    def __init__(self, service):
        self._service = service
        self.waits: list[tuple[Dependency, ...]] = []

    def wait(self, region, dependencies, timeout_s):
        self.waits.append(dependencies)
        return self._service.wait(region, dependencies, timeout_s)

    def __getattr__(self, name):
        return getattr(self._service, name)


def written_in_eu(deployment) -> Lineage:
    """Write a post and a note in eu and return the lineage, which is the current one too."""
    eu = deployment.replica("eu")
    eu.agent("posts").write("posts", "1", "hello")
    eu.agent("notes").write("notes", "new", "1")
    return context.current()


def test_a_barrier_ends_when_the_last_dependency_becomes_visible_and_the_read_finds_it(deploy):
    deployment = deploy(posts_ms=40, notes_ms=5)
    posts = deployment.replica("us").agent("posts")
    written_in_eu(deployment)

    report = posts.barrier()

    assert report.is_complete and 0.02 < report.waited_s < 1.0
    assert posts.read("posts", "1").value == "hello"


def test_a_barrier_with_nothing_to_wait_for_calls_nobody(deploy):
    deployment = deploy()
    counting = CountingService(deployment.service)

    assert deployment.replica("us", counting).barrier().is_complete
    assert counting.waits == []


def test_a_barrier_over_all_embedded_stores_is_one_call(deploy):
    deployment = deploy()
    counting = CountingService(deployment.service)
    lineage = written_in_eu(deployment)

    deployment.replica("us", counting).barrier()

    assert counting.waits == [tuple(lineage)]


def test_a_barrier_can_be_limited_to_one_store_and_says_what_it_skipped(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    notes = deployment.replica("us").agent("notes")
    written_in_eu(deployment)

    report = notes.barrier(stores=[notes])

    assert report.is_complete and report.skipped == ("posts",)


def test_a_barrier_on_a_store_that_does_not_exist_is_a_fault_with_the_nearest_name(deploy):
    with pytest.raises(ConfigError, match=r"no store 'post'; configured: notes, posts. Did you mean 'posts'\?"):
        deploy().replica("us").barrier(stores=["post"])


def test_a_store_that_is_not_configured_here_is_reported_and_not_waited_for(deploy):
    transfer(Lineage([Dependency("orders", "eu", 9)]))

    assert deploy().replica("us").barrier().unknown == ("orders",)


def test_a_timeout_names_what_is_missing_and_by_how_much(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    written_in_eu(deployment)

    with pytest.raises(
        BarrierTimeout, match=r"in us gave up after .* s: posts@eu:1 missing \(applied 0, 1 behind\)"
    ) as e:
        deployment.replica("us").barrier(timeout_s=0.01)
    assert [one.dependency.store for one in e.value.report.missing] == ["posts"]


def test_a_timeout_can_be_a_report_instead_of_an_error(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    written_in_eu(deployment)

    report = deployment.replica("us").barrier(timeout_s=0.01, on_timeout="report")

    assert report.missing and not report.is_complete


def test_a_barrier_ends_before_the_deadline_of_the_call_so_that_it_can_still_answer(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    written_in_eu(deployment)

    with pytest.raises(BarrierTimeout) as raised:
        deployment.replica("us", remaining_s=lambda: 0.06).barrier(timeout_s=10)
    assert raised.value.report.waited_s < 1.0


def test_a_wait_is_one_of_slices_so_that_it_can_be_cancelled():
    class Patient:
        def __init__(self):
            self.timeouts_s = []

        def wait(self, region, dependencies, timeout_s):
            self.timeouts_s.append(timeout_s)
            return (0,)

    patient, post = Patient(), Dependency("posts", "eu", 1)

    assert EmbeddedWaiter(patient, "us").wait([post], 2.5) == {post: 0}
    assert patient.timeouts_s == [1.0, 1.0, 0.5]


def test_a_dry_run_does_not_wait_and_says_what_a_barrier_would_wait_for(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    us = deployment.replica("us")
    written_in_eu(deployment)

    for report in (us.barrier(dry_run=True), deployment.replica("us", mode="dry_run").barrier()):
        assert report.dry_run and [str(one.dependency) for one in report.missing] == ["posts@eu:1"]


def test_a_barrier_that_is_off_asks_nobody(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    counting = CountingService(deployment.service)
    written_in_eu(deployment)

    assert deployment.replica("us", counting, mode="off").barrier(dry_run=True).mode == "off"
    with barriers("off"):
        assert deployment.replica("us", counting).barrier().mode == "off"
    assert counting.waits == []


def test_a_block_can_turn_barriers_on_where_the_deployment_has_them_off(deploy):
    deployment = deploy(posts_ms=5)
    written_in_eu(deployment)

    with barriers("enforce"):
        assert deployment.replica("us", mode="off").barrier().is_complete


def test_a_barrier_for_a_write_that_is_still_to_come_ends_when_it_has_come(deploy):
    deployment = deploy(posts_ms=5)
    us = deployment.replica("us")
    coming = Lineage([Dependency("posts", "eu", 1)])

    def wait() -> bool:
        transfer(coming)
        return us.barrier().is_complete

    waiting = in_thread(wait)
    deployment.replica("eu").agent("posts").write("posts", "1", "hello")

    assert waiting.result(5)


def test_stores_that_are_stopped_leave_no_barrier_waiting(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    lineage = written_in_eu(deployment)
    us = deployment.replica("us")

    def wait() -> None:
        transfer(lineage)
        us.barrier()

    waiting = in_thread(wait)
    deployment.service.shutdown()

    with pytest.raises(StoppedError, match="have been stopped"):
        waiting.result(5)


def test_stores_that_share_no_waiter_are_waited_for_at_the_same_time():
    both_wait = threading.Barrier(2)

    class Elsewhere:
        """A store of another kind, such as Redis; its wait ends only when the other one's has begun."""

        def __init__(self, store):
            self.store, self.region, self.waiter = store, "us", self

        def wait(self, dependencies, timeout_s):
            both_wait.wait(timeout_s)
            return {one: one.version for one in dependencies}

    transfer(Lineage([Dependency("redis", "eu", 4), Dependency("postgres", "eu", 2)]))
    stores = {name: Elsewhere(name) for name in ("redis", "postgres")}

    report = Datastores(Host(region="us"), stores, set(stores)).barrier(timeout_s=5)

    assert report.is_complete and len(report.stores) == 2


def test_a_store_that_fails_during_a_barrier_fails_the_barrier():
    class Broken:
        def __init__(self, store):
            self.store, self.region, self.waiter = store, "us", self

        def wait(self, dependencies, timeout_s):
            raise ConnectionError(f"{self.store} is gone")

    transfer(Lineage([Dependency("redis", "eu", 4), Dependency("postgres", "eu", 2)]))
    stores = {name: Broken(name) for name in ("redis", "postgres")}

    with pytest.raises(ConnectionError, match="is gone"):
        Datastores(Host(region="us"), stores, set(stores)).barrier()


class WaitsLong:
    """A store that is never there in time, and waits in slices as all do."""

    def __init__(self, store):
        self.store, self.region, self.waiter = store, "us", self
        self.has_begun, self.has_ended = threading.Event(), threading.Event()

    def wait(self, dependencies, timeout_s):
        self.has_begun.set()
        try:
            ends_s = time.monotonic() + timeout_s
            while time.monotonic() < ends_s:
                check_wanted()
                time.sleep(0.01)
            return dict.fromkeys(dependencies, 0)
        finally:
            self.has_ended.set()


class IsAway(WaitsLong):
    """A store that says, once its neighbour waits, that waiting is in vain."""

    def __init__(self, store, neighbour):
        super().__init__(store)
        self._neighbour = neighbour

    def wait(self, dependencies, timeout_s):
        assert self._neighbour.has_begun.wait(5)
        raise StoreError(f"{self.store} has lost it")


@pytest.mark.parametrize("first", ["redis", "postgres"])
def test_what_one_store_says_is_told_at_once_whatever_the_other_waits_for(first):
    transfer(Lineage([Dependency("redis", "eu", 4), Dependency("postgres", "eu", 2)]))
    patient = WaitsLong("redis")
    stores = {"redis": patient, "postgres": IsAway("postgres", patient)}
    ordered = {first: stores[first], **stores}
    began_s = time.monotonic()

    with pytest.raises(StoreError, match="has lost it"):
        Datastores(Host(region="us"), ordered, set(stores)).barrier(timeout_s=30)

    assert time.monotonic() - began_s < 5 and patient.has_ended.is_set()


def test_a_blocking_barrier_over_two_stores_ends_soon_after_its_caller_has_left(monkeypatch):
    monkeypatch.setattr(waiting, "SLICE_S", 0.02)
    stores = {name: WaitsLong(name) for name in ("redis", "postgres")}
    threads: list[int] = []

    def barrier():
        threads.append(threading.get_ident())
        transfer(Lineage([Dependency("redis", "eu", 4), Dependency("postgres", "eu", 2)]))
        Datastores(Host(region="us"), stores, set(stores)).barrier(timeout_s=30)

    caller = in_thread(barrier)
    assert all(one.has_begun.wait(5) for one in stores.values())
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(threads[0]), ctypes.py_object(Cancelled))  # as hangups do

    with pytest.raises(Cancelled):
        caller.result(5)
    # Not at once: a caller that is interrupted as it starts the second thread does not wait for that one.
    assert all(one.has_ended.wait(5) for one in stores.values())


# Faults of a lab


def test_a_dropped_dependency_is_not_waited_for_and_the_read_misses(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    written_in_eu(deployment)
    posts = deployment.replica("us").agent("posts")

    with barriers("enforce", faults=BarrierFaults(drop=1.0)):
        report = posts.barrier()

    assert report.is_complete and "dropped posts@eu:1" in report.injected and not report.dependencies
    with pytest.raises(NotFoundError):
        posts.read("posts", "1")


def test_a_replica_elsewhere_has_what_the_one_here_lacks(deploy):
    deployment = deploy(posts_ms=NEVER_MS)
    written_in_eu(deployment)
    posts = deployment.replica("us", faults=BarrierFaults(wrong_replica=1.0)).agent("posts")

    report = posts.barrier()

    assert report.is_complete and "asked where it was written for posts@eu:1" in report.injected
    with pytest.raises(NotFoundError):
        posts.read("posts", "1")


def test_a_version_that_has_to_be_equal_is_waited_for_until_the_timeout_once_somebody_has_written_more(deploy):
    deployment = deploy()
    eu = deployment.replica("eu").agent("posts")
    eu.write("posts", "1", "hello")
    depends_on = context.current()
    eu.write("posts", "1", "hello again")
    us = deployment.replica("us")

    context.replace(depends_on)
    with barriers("enforce", faults=BarrierFaults(equality=True)):
        report = us.barrier(timeout_s=0.05, on_timeout="report")

    assert report.waited_s >= 0.05 and "later, but not equal" in str(report)
    assert us.barrier().is_complete


# Whose caller has left


def test_a_barrier_whose_task_was_cancelled_ends_within_a_slice_and_not_at_its_timeout(deploy, monkeypatch):
    monkeypatch.setattr(embedded, "WAIT_SLICE_S", 0.02)
    agent = deploy().replica("us").agent("posts")
    transfer(Lineage([Dependency("posts", "eu", 1)]))  # which nobody will write
    has_ended = threading.Event()
    monkeypatch.setattr(waiting.Waiting, "positions", _telling(waiting.Waiting.positions, has_ended))

    async def gives_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(agent.barrier_async(timeout_s=30), 0.05)

    asyncio.run(gives_up())

    assert has_ended.wait(5)


def test_a_barrier_that_is_interrupted_leaves_the_next_one_as_it_was(deploy, monkeypatch):
    monkeypatch.setattr(embedded, "WAIT_SLICE_S", 0.02)
    deployment = deploy()
    transfer(Lineage([Dependency("posts", "eu", 1)]))
    us, eu = deployment.replica("us"), deployment.replica("eu")

    async def gives_up_and_tries_again() -> bool:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(us.agent("posts").barrier_async(timeout_s=30), 0.05)
        await eu.agent("posts").write_async("posts", "1", "hello")
        return (await us.agent("posts").barrier_async()).is_complete

    assert asyncio.run(gives_up_and_tries_again())


def test_barrier_and_read_ask_the_same_replica(deploy):
    deployment = deploy(posts_ms=1)
    for region in ("eu", "us"):
        datastores = deployment.replica(region)
        for agent in (datastores.agent("posts"), datastores.agent("notes")):
            assert agent._datastore.region == agent._datastore.waiter.region == region


def _telling(function, has_ended: threading.Event):
    def wrapped(*args, **keywords):
        try:
            return function(*args, **keywords)
        except Cancelled:
            has_ended.set()
            raise

    return wrapped
