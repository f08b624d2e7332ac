"""The async twins: off the event loop, and with the lineage brought back from the thread."""

from __future__ import annotations

import asyncio
import functools

import pytest

from weaverlab.antipode import Dependency, Lineage, barriers, context, request, transfer
from weaverlab.errors import BarrierTimeout, NotFoundError
from weaverlab.stores import blocking


async def test_what_an_async_operation_adds_to_the_lineage_is_there_afterwards(deploy):
    eu = deploy().replica("eu")
    posts, notes = eu.agent("posts"), eu.agent("notes")

    post = await posts.write_async("posts", "1", "hello")
    note = await notes.write_async("notes", "new", "1")
    deleted = await posts.delete_async("posts", "0")

    assert context.current() == Lineage([post, note, deleted])


async def test_an_async_write_stores_the_lineage_of_its_request(deploy):
    posts = deploy().replica("eu").agent("posts")
    first = await posts.write_async("posts", "1", "first")
    await posts.write_async("posts", "2", "second")

    with request():
        value, lineage = await posts.read_async("posts", "2")
        assert value == "second" and Lineage([first]) <= lineage == context.current()


async def test_gathered_branches_bring_back_what_each_of_them_did(deploy):
    posts = deploy().replica("eu").agent("posts")

    async def branch(n: int) -> Lineage:
        await posts.write_async("posts", str(n), n)
        return context.current()

    branches = await asyncio.gather(*(branch(n) for n in range(3)))

    assert [len(lineage) for lineage in branches] == [1, 1, 1]
    assert not context.current()  # tasks have contexts of their own: the author, or the runtime, joins them


async def test_errors_arrive_as_they_are(deploy):
    deployment = deploy(posts_ms=60_000)
    await deployment.replica("eu").agent("posts").write_async("posts", "1", "hello")
    posts = deployment.replica("us").agent("posts")

    with pytest.raises(NotFoundError):
        await posts.read_async("posts", "1")
    with pytest.raises(BarrierTimeout):
        await posts.barrier_async(timeout_s=0.01)


async def test_the_mode_of_the_block_reaches_the_thread(deploy):
    with barriers("off"):
        assert (await deploy().replica("us").agent("posts").barrier_async()).mode == "off"


async def test_many_barriers_that_wait_for_a_write_do_not_keep_it_from_being_made(deploy):
    deployment = deploy()
    us, eu = deployment.replica("us").agent("posts"), deployment.replica("eu").agent("posts")
    transfer(Lineage([Dependency("posts", "eu", 1)]))

    waiting = [asyncio.ensure_future(us.barrier_async()) for _ in range(20)]
    await asyncio.sleep(0)  # let them begin: more than asyncio has threads of its own
    await eu.write_async("posts", "1", "hello")

    assert all(report.is_complete for report in await asyncio.gather(*waiting))


async def test_barriers_that_fill_all_their_threads_keep_no_write_from_being_made(deploy, monkeypatch):
    monkeypatch.setattr(blocking, "THREADS_MAX", 2)
    monkeypatch.setattr(blocking, "pool", functools.lru_cache(blocking.pool.__wrapped__))
    deployment = deploy()
    us, eu = deployment.replica("us").agent("posts"), deployment.replica("eu").agent("posts")
    transfer(Lineage([Dependency("posts", "eu", 1)]))

    waiting = [asyncio.ensure_future(us.barrier_async()) for _ in range(3)]
    await asyncio.sleep(0)
    await eu.write_async("posts", "1", "hello")

    assert all(report.is_complete for report in await asyncio.gather(*waiting))
