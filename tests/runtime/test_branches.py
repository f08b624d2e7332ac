"""`spawn`: what a branch sees, what its parent depends on, and how it ends; over the embedded stores."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading

import pytest

import weaverlab as weaver
from tests.stores.deployment import Deployment
from weaverlab.antipode import Dependency, Lineage, branches, context, request, transfer
from weaverlab.errors import BarrierTimeout
from weaverlab.runtime.context import deadline
from weaverlab.stores import branches as registry
from weaverlab.transport.patience import executed

ROOT = Lineage([Dependency("users", "eu", 9)])


@pytest.fixture(autouse=True)
def a_request_that_depends_on_something():
    with request():
        transfer(ROOT)
        yield


@pytest.fixture
def stores():
    deployment = Deployment()
    yield deployment
    deployment.service.shutdown()


@pytest.fixture
def posts(stores):
    return stores.replica("eu").agent("posts")


@pytest.fixture
def gate():
    """What branches wait for; opened at the end, so that none of them stays."""
    event = threading.Event()
    yield event
    event.set()


def write_late(gate: threading.Event, posts, key: str = "1") -> Dependency:
    assert gate.wait(10)
    return posts.write("posts", key, "late")


def test_a_branch_begins_with_the_lineage_of_its_request_which_depends_on_its_writes_once_it_is_joined(posts):
    branch = weaver.spawn(lambda: (context.current(), posts.write("posts", "1", "hello")))

    before, written = branch.join()

    assert before == ROOT
    assert context.current() == ROOT | Lineage([written])


async def test_an_async_branch_is_a_task_and_is_joined_by_awaiting_it(posts):
    async def write() -> Dependency:
        assert context.current() == ROOT
        return await posts.write_async("posts", "1", "hello")

    written = await weaver.spawn(write)

    assert context.current() == ROOT | Lineage([written])


async def test_a_blocking_branch_can_be_awaited_and_an_async_one_passed_around(posts, gate):
    blocking = weaver.spawn(write_late, gate, posts)
    gate.set()

    async def waits() -> Dependency:
        return await blocking

    assert await weaver.spawn(waits) == await blocking


def test_arguments_and_keywords_are_those_of_the_function():
    assert weaver.spawn(lambda a, *, b: (a, b), 1, b=2).join() == (1, 2)


def test_a_branch_that_nobody_has_joined_is_a_dependency_until_a_barrier_has_waited_for_it(stores, posts, gate):
    branch = weaver.spawn(write_late, gate, posts)
    assert branches.waited_for() == (branch.name,)
    threading.Timer(0.02, gate.set).start()

    report = stores.replica("us").barrier()

    assert report.is_complete and report.waited_s > 0.01
    assert [str(one) for one in context.current()] == ["posts@eu:1", "users@eu:9"]
    assert stores.replica("us").agent("posts").read("posts", "1").value == "late"


def test_a_barrier_that_gives_up_names_the_branch_that_runs(stores, posts, gate):
    branch = weaver.spawn(write_late, gate, posts)

    with pytest.raises(BarrierTimeout, match=rf"gave up after .* s: branch {branch.name} has not ended") as raised:
        stores.replica("us").barrier(timeout_s=0.01)
    looked = stores.replica("us").barrier(dry_run=True)

    assert raised.value.report.running == looked.running == (branch.name,)
    assert not looked.is_complete and "dry run: branch write_late#" in str(looked)


def test_the_dependency_on_a_branch_travels_as_bytes_and_in_what_is_stored(stores, posts, gate):
    weaver.spawn(write_late, gate, posts)
    posts.write("posts", "parent", "written meanwhile")

    with request():
        posts.read("posts", "parent")
        assert not stores.replica("us").barrier(dry_run=True).is_complete
        gate.set()
        assert stores.replica("us").barrier().is_complete
        assert context.current() >= Lineage([Dependency("posts", "eu", 2)])


def test_branches_of_a_request_do_not_wait_for_each_other(stores, posts, gate):
    weaver.spawn(write_late, gate, posts)

    assert weaver.spawn(stores.replica("us").barrier, 1.0).join().is_complete


def test_a_branch_that_heard_of_itself_does_not_wait_for_itself(stores, posts, gate):
    def branch() -> bool:
        assert gate.wait(10)
        posts.read("posts", "parent")
        return stores.replica("us").barrier(timeout_s=1.0).is_complete

    spawned = weaver.spawn(branch)
    posts.write("posts", "parent", "depends on the branch")
    gate.set()

    assert spawned.join()
    assert stores.replica("us").barrier(timeout_s=1.0).is_complete


def test_branches_of_branches_are_waited_for_too(stores, posts, gate):
    def outer() -> None:
        weaver.spawn(write_late, gate, posts)

    weaver.spawn(outer)
    threading.Timer(0.02, gate.set).start()

    assert stores.replica("us").barrier().is_complete
    assert context.current() >= Lineage([Dependency("posts", "eu", 1)])


def test_who_spawns_many_depends_only_on_those_that_still_run(posts, gate):
    for n in range(50):
        weaver.spawn(posts.write, "posts", str(n), n)
        registry.here.wait_idle(5)
    last = weaver.spawn(write_late, gate, posts)

    assert branches.waited_for() == (last.name,)
    assert len(context.current()) == 3


def test_a_later_request_in_the_same_place_does_not_depend_on_what_branches_of_an_earlier_one_wrote(posts):
    weaver.spawn(posts.write, "posts", "1", "hello")
    registry.here.wait_idle(5)

    with request():
        weaver.spawn(posts.write, "posts", "2", "hello").join()

        assert [str(one) for one in context.current()] == ["posts@eu:2"]


def spawns(posts) -> None:
    weaver.spawn(posts.write, "posts", "inner", "hello")


def spawns_and_joins(posts) -> None:
    weaver.spawn(posts.write, "posts", "inner", "hello").join()


def spawns_what_spawns(posts) -> None:
    weaver.spawn(spawns, posts).join()


def spawns_in_a_request_of_its_own(posts) -> None:
    with request():
        spawns(posts)
    spawns(posts)


def gathers_what_spawns(posts) -> None:
    async def spawns_async() -> None:
        spawns(posts)

    async def gathers() -> None:
        await weaver.gather(spawns_async(), spawns_async())

    asyncio.run(gathers())


def lets_an_executor_spawn(posts) -> None:
    with weaver.Executor(2) as pool:
        list(pool.map(spawns, [posts, posts]))


def consumes_and_spawns(posts) -> None:
    notes = posts._datastores.agent("notes")
    with request():
        notes.write("notes", "new", "1")
    with notes.consume("notes", "new") as messages:
        next(messages)
        spawns(posts)


@pytest.mark.parametrize(
    "inner",
    [
        spawns,
        spawns_and_joins,
        spawns_what_spawns,
        spawns_in_a_request_of_its_own,
        gathers_what_spawns,
        lets_an_executor_spawn,
        consumes_and_spawns,
    ],
)
def test_a_request_inside_of_another_leaves_that_one_as_it_was(posts, gate, inner):
    older = weaver.spawn(write_late, gate, posts)
    before = context.current()
    with request():
        inner(posts)
    assert context.current() == before

    younger = weaver.spawn(lambda: (branches.waited_for(), posts.write("posts", "younger", "hello")))
    (waited_for, written) = younger.join()

    assert waited_for == ()  # not for its sibling
    assert branches.waited_for() == (older.name,)
    gate.set()
    assert max(older.join(), written) in context.current() and branches.waited_for() == ()


def test_branches_of_a_message_are_not_those_of_the_request_around_the_loop(posts, gate):
    older = weaver.spawn(write_late, gate, posts)

    consumes_and_spawns(posts)

    assert weaver.spawn(branches.waited_for).join() == ()
    assert branches.waited_for() == (older.name,)


def test_what_a_branch_raises_is_raised_by_join_and_what_it_wrote_before_is_depended_on(posts):
    def fails() -> None:
        posts.write("posts", "1", "hello")
        raise KeyError("no seat")

    branch = weaver.spawn(fails)

    with pytest.raises(KeyError, match="no seat"):
        branch.join()
    assert context.current() >= Lineage([Dependency("posts", "eu", 1)])
    assert repr(branch) == f"<branch {branch.name}: has failed>"


def test_what_a_branch_raises_that_nobody_joins_is_logged(caplog):
    def fails() -> None:
        raise KeyError("no seat")

    with caplog.at_level(logging.ERROR, "weaverlab.runtime"):
        weaver.spawn(fails)
        registry.here.wait_idle(5)
        assert _eventually(lambda: gc.collect() >= 0 and bool(caplog.records))

    assert "branch fails#" in caplog.text and "nobody has joined it" in caplog.text and "no seat" in caplog.text


def test_a_join_that_takes_too_long_leaves_the_branch_running_and_a_dependency(posts, gate):
    branch = weaver.spawn(write_late, gate, posts)

    with pytest.raises(TimeoutError, match="It goes on, and remains a dependency"):
        branch.join(timeout_s=0.01)
    with weaver.timeout(0.01), pytest.raises(TimeoutError):
        branch.join()

    assert branches.waited_for() == (branch.name,) and "runs" in repr(branch)
    gate.set()
    assert branch.join().store == "posts"


async def test_who_is_cancelled_while_it_waits_leaves_the_branch_running(posts, gate):
    branch = weaver.spawn(write_late, gate, posts)
    waiting = asyncio.ensure_future(_await(branch))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    gate.set()
    assert (await branch).store == "posts"


async def test_a_task_that_is_cancelled_before_it_has_begun_is_a_branch_that_has_ended():
    async def never() -> None: ...

    branch = weaver.spawn(never)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as who ends a loop does
        task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await branch
    assert branches.waited_for() == ()


def test_a_branch_outlives_deadline_and_cancellation_of_its_request_and_keeps_its_metadata():
    with weaver.timeout(5.0), weaver.metadata(user="ann"):
        executed.set(object())  # as in a method that is called
        seen = weaver.spawn(lambda: (deadline.get(), executed.get(), weaver.current_metadata())).join()
        executed.set(None)

    assert seen == (None, None, {"user": "ann"})


def test_an_async_function_needs_a_loop_and_leaves_nothing_behind_without_one():
    async def never() -> None: ...

    with pytest.raises(RuntimeError, match="is an async function, and no event loop runs in this thread"):
        weaver.spawn(never)
    assert context.current() == ROOT


def test_what_has_ended_long_ago_is_forgotten_and_no_dependency(monkeypatch, stores, posts):
    monkeypatch.setattr(registry, "ENDED_MAX", 1)
    monkeypatch.setattr(registry.here, "_ended", {})
    first = weaver.spawn(posts.write, "posts", "1", "hello")
    registry.here.wait_idle(5)
    contextvars.Context().run(weaver.spawn, posts.write, "posts", "2", "hello").join()

    report = stores.replica("us").barrier()

    assert report.is_complete and report.gone == (first.name,)
    assert f"branches gone: {first.name}" in str(report)


async def _await(branch) -> object:
    return await branch


def _eventually(condition) -> bool:
    """Whether `condition` holds within two seconds: a thread has yet to let go of something."""
    return any(condition() or threading.Event().wait(0.01) for _ in range(200))
