"""Lineage through everything that runs code elsewhere or later: what keeps it, and what to write where it is lost."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

import weaverlab as weaver
from weaverlab.antipode import Dependency, Lineage, context, request, transfer

ROOT = Lineage([Dependency("users", "eu", 9)])


@pytest.fixture(autouse=True)
def a_request_that_depends_on_something():
    with request():
        transfer(ROOT)
        yield


def write(store: str) -> Lineage:
    """Stand for a write to `store`; return what the request depended on before."""
    before = context.current()
    transfer(Lineage([Dependency(store, "eu", 1)]))
    return before


async def write_async(store: str) -> Lineage:
    await asyncio.sleep(0)
    return write(store)


def depends_on() -> set[str]:
    return {one.store for one in context.current()}


def in_a_request(function, *args):
    with request():
        return function(*args)


# weaver.gather


async def test_gathered_branches_begin_with_the_request_and_it_depends_on_all_of_them_afterwards():
    seen = await weaver.gather(write_async("posts"), write_async("media"), write_async("timeline"))

    assert seen == [ROOT, ROOT, ROOT]
    assert depends_on() == {"users", "posts", "media", "timeline"}


async def test_gathering_nothing_is_an_empty_list():
    assert await weaver.gather() == []


async def test_when_one_fails_the_others_are_cancelled_and_what_they_wrote_is_depended_on():
    has_ended = asyncio.Event()

    async def writes_and_waits() -> None:
        write("posts")
        try:
            await asyncio.sleep(60)
        finally:
            has_ended.set()

    async def fails() -> None:
        write("media")
        await asyncio.sleep(0)
        raise KeyError("no seat")

    with pytest.raises(KeyError, match="no seat"):
        await weaver.gather(writes_and_waits(), fails())

    assert has_ended.is_set()
    assert depends_on() == {"users", "posts", "media"}


async def test_cancelling_who_gathers_cancels_the_branches():
    begun: list[str] = []
    ended: list[str] = []

    async def waits(name: str) -> None:
        begun.append(name)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)

    async def gathers() -> None:
        await weaver.gather(waits("a"), waits("b"))

    task = asyncio.ensure_future(gathers())
    while len(begun) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert sorted(ended) == ["a", "b"]


async def test_branches_that_are_cancelled_before_they_begin_leave_nothing():
    task = asyncio.ensure_future(weaver.gather(write_async("posts")))
    await asyncio.sleep(0)  # it has made tasks, which have not begun
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert context.current() == ROOT


async def test_a_task_cannot_be_gathered_since_it_has_a_lineage_of_its_own_already():
    task = asyncio.ensure_future(write_async("posts"))

    with pytest.raises(TypeError, match=r"gather: expected coroutines, got <Task .*Write gather\(f\(x\), g\(y\)\)"):
        await weaver.gather(write_async("media"), task)
    await task


# weaver.Executor


def test_work_of_an_executor_belongs_to_the_request_that_submits_it():
    with weaver.Executor(2) as pool, weaver.metadata(user="ann"):
        work = pool.submit(lambda: (write("posts"), weaver.current_metadata()))
        other = pool.submit(write, "media")

        assert work.result() == (ROOT, {"user": "ann"}) and other.result() == ROOT
    assert depends_on() == {"users", "posts", "media"}


def test_map_and_as_completed_and_exception_bring_the_lineage_along():
    def fails() -> None:
        write("media")
        raise KeyError("no seat")

    with weaver.Executor(2) as pool:
        assert list(pool.map(write, ["posts", "timeline"])) == [ROOT, ROOT]
        (done,) = concurrent.futures.as_completed([pool.submit(fails)])
        assert isinstance(done.exception(), KeyError)

    assert depends_on() == {"users", "posts", "timeline", "media"}


def test_who_does_not_take_a_result_does_not_depend_on_it():
    gate = threading.Event()
    with weaver.Executor(1) as pool:
        running = pool.submit(gate.wait, 10)
        with pytest.raises(concurrent.futures.TimeoutError):
            running.result(timeout=0.01)
        dropped = pool.submit(write, "posts")
        assert dropped.cancel()
        gate.set()

    with pytest.raises(concurrent.futures.CancelledError):
        dropped.result()
    assert context.current() == ROOT


# Python's own: what they do to a lineage is no surprise as long as it stands here.


async def test_tasks_of_asyncio_inherit_a_lineage_and_keep_what_they_add_to_themselves():
    seen = await asyncio.gather(write_async("posts"), asyncio.create_task(write_async("media")))

    assert seen == [ROOT, ROOT]
    assert context.current() == ROOT


def test_threads_and_thread_pools_of_python_know_nothing_of_the_request():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(write, "posts").result() == Lineage.empty()

    assert context.current() == ROOT


def test_a_thread_of_a_pool_keeps_what_its_earlier_work_added_unless_that_was_a_request():
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(in_a_request, write, "media").result()
        assert pool.submit(depends_on).result() == set()

        pool.submit(write, "posts").result()
        assert pool.submit(depends_on).result() == {"posts"}  # whoever submits this
        assert pool.submit(in_a_request, depends_on).result() == set()


async def test_so_does_a_thread_of_run_in_executor_but_none_of_an_executor_of_ours():
    loop = asyncio.get_running_loop()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        await loop.run_in_executor(pool, write, "posts")
        assert await loop.run_in_executor(pool, depends_on) == {"posts"}
    with weaver.Executor(1) as pool:
        await loop.run_in_executor(pool, write, "media")
        assert await loop.run_in_executor(pool, depends_on) == {"users"}


async def test_to_thread_inherits_a_lineage_and_loses_what_is_added_so_spawn_instead():
    assert await asyncio.to_thread(write, "posts") == ROOT
    assert context.current() == ROOT

    await weaver.spawn(write, "posts")
    assert depends_on() == {"users", "posts"}


def test_what_asyncio_run_adds_is_lost_unless_it_is_handed_back():
    async def main() -> bytes:
        assert await write_async("posts") == ROOT
        return weaver.get_lineage()

    handed_back = asyncio.run(main())
    assert context.current() == ROOT

    weaver.transfer(handed_back)
    assert depends_on() == {"users", "posts"}


async def test_callbacks_of_a_loop_and_of_its_futures_have_the_lineage_of_who_registered_them():
    loop, seen = asyncio.get_running_loop(), []
    future = loop.create_future()

    loop.call_soon(lambda: seen.append(write("posts")))
    future.add_done_callback(lambda _: seen.append(write("media")))
    with request():
        loop.call_soon(future.set_result, None)
    await future
    await asyncio.sleep(0)

    assert seen == [ROOT, ROOT]
    assert context.current() == ROOT


def test_callbacks_that_a_thread_calls_need_a_copy_of_the_context():
    seen = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        gate = threading.Event()
        future = pool.submit(gate.wait, 10)
        inside = contextvars.copy_context()
        future.add_done_callback(lambda _: seen.append(write("posts")))
        future.add_done_callback(lambda _: seen.append(inside.run(write, "posts")))
        gate.set()

    assert seen == [Lineage.empty(), ROOT]


def test_a_generator_reads_and_writes_in_the_request_of_who_asks_for_the_next_item():
    def generator() -> Iterator[Lineage]:
        yield write("posts")
        yield write("media")

    items = generator()

    assert next(items) == ROOT and depends_on() == {"users", "posts"}
    with request():
        assert next(items) == Lineage.empty() and depends_on() == {"media"}


async def test_so_does_an_async_generator():
    async def generator() -> AsyncIterator[Lineage]:
        yield await write_async("posts")
        yield await write_async("media")

    items = generator()

    assert await anext(items) == ROOT and depends_on() == {"users", "posts"}
    with request():
        assert await anext(items) == Lineage.empty() and depends_on() == {"media"}


def test_a_generator_that_yields_inside_a_request_leaves_its_reader_in_there_until_it_goes_on():
    def generator() -> Iterator[None]:
        with request():
            write("posts")
            yield

    items = generator()
    next(items)

    assert depends_on() == {"posts"}  # not what anybody wants: yield outside of the block
    assert list(items) == []
    assert context.current() == ROOT
