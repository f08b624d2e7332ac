"""What every store on real servers promises, at a primary and a replica that lags behind it."""

from __future__ import annotations

import dataclasses

import pytest

from tests.stores.deployment import in_thread
from tests.stores.real import Real
from weaverlab.antipode import Dependency, Lineage, context, request, transfer
from weaverlab.errors import BarrierTimeout, NotFoundError, StoreError


@dataclasses.dataclass
class Post:
    id: str
    tags: list[str]


def test_a_barrier_at_the_replica_ends_when_the_write_is_there_and_the_read_finds_it(real: Real):
    posts = real.posts("us")
    real.posts("eu").write(real.table, "1", "hello")

    report = posts.barrier()

    assert report.is_complete and report.waited_s > 0.01
    assert posts.read(real.table, "1").value == "hello"


def test_any_value_that_can_be_pickled_comes_back_equal(real: Real):
    eu = real.posts("eu")
    for n, value in enumerate([None, 0, "text \x00 ü", b"\x00\xff'\"\\", [1, {"a": (2.5, None)}], Post("1", ["x"])]):
        eu.write(real.table, str(n), value)

        assert eu.read(real.table, str(n)).value == value


@pytest.mark.parametrize("key", ["", "a:b", "A", "a ", "'; DROP TABLE posts; --", "%s", "ü" * 100])
def test_any_text_is_a_key_and_no_two_keys_are_one(real: Real, key):
    eu = real.posts("eu")
    for other in ("a", "b"):
        eu.write(real.table, other, other)

    eu.write(real.table, key, "mine")

    assert [eu.read(real.table, one).value for one in ("a", "b", key)] == ["a", "b", "mine"]


def test_what_is_overwritten_deleted_and_written_again_is_seen_as_the_last_write_left_it(real: Real):
    eu, us = real.posts("eu"), real.posts("us")

    for value in ("first", "second", "first", None, "again", "again"):
        with request():
            if value is None:
                eu.delete(real.table, "1")
            else:
                eu.write(real.table, "1", value)
            us.barrier()

            if value is None:
                with pytest.raises(NotFoundError, match=f"shows no item {real.table}/1 in region 'us'"):
                    us.read(real.table, "1")
            else:
                assert us.read(real.table, "1").value == value


def test_a_write_that_changes_nothing_is_waited_for_like_the_one_before_it(real: Real):
    eu, us = real.posts("eu"), real.posts("us")
    with request():
        eu.write(real.table, "1", "same")
    with request():
        eu.write(real.table, "1", "same")

        us.barrier()

        assert us.read(real.table, "1").value == "same"


def test_an_item_keeps_the_lineage_of_its_writer_beside_its_value(real: Real):
    order = Dependency("orders", "eu", 7)
    transfer(Lineage([order]))
    written = real.posts("eu").write(real.table, "1", "hello")
    with request():
        real.posts("us").barrier(timeout_s=0)  # nothing to wait for yet
        transfer(Lineage([written]))
        real.posts("us").barrier()

    with request():
        lineage = real.posts("us").read(real.table, "1").lineage

        assert order in lineage and written <= max(one for one in lineage if one.store == "posts")
        assert context.current() == lineage


def test_what_was_read_here_is_visible_here(real: Real):
    us = real.posts("us")
    real.posts("eu").write(real.table, "1", "hello")
    us.barrier()

    with request():
        us.read(real.table, "1")

        assert us.barrier(timeout_s=0).is_complete


def test_what_was_read_at_the_primary_is_waited_for_at_the_replica(real: Real):
    eu, us = real.posts("eu"), real.posts("us")
    with request():
        eu.write(real.table, "1", "hello")
    with request():
        eu.read(real.table, "1")

        us.barrier()

        assert us.read(real.table, "1").value == "hello"


def test_a_barrier_waits_while_replication_pauses_and_says_what_is_missing_and_by_how_much(real: Real):
    real.group.pause()
    try:
        written = real.posts("eu").write(real.table, "1", "hello")

        with pytest.raises(BarrierTimeout, match=r"missing \(applied \d+, \d+ behind\)") as raised:
            real.posts("us").barrier(timeout_s=0.2)
        assert [one.dependency for one in raised.value.report.missing] == [written]
        assert raised.value.report.waited_s < 2.0
        lineage = context.current()
        waiting = in_thread(lambda: (transfer(lineage), real.posts("us").barrier())[1])
    finally:
        real.group.resume()

    assert waiting.result(5).is_complete


def test_a_dry_run_looks_and_does_not_wait(real: Real):
    real.posts("eu").write(real.table, "1", "hello")

    report = real.posts("us").barrier(dry_run=True)

    assert report.dry_run and report.waited_s < 1.0


def test_many_barriers_wait_at_once_each_as_long_as_it_must(real: Real):
    eu, us = real.posts("eu"), real.posts("us")

    def write_and_read(n: int) -> str:
        eu.write(real.table, str(n), str(n))
        us.barrier()
        return us.read(real.table, str(n)).value

    eu.write(real.table, "first", "makes the table")
    answers = [in_thread(write_and_read, n) for n in range(24)]

    assert [one.result(10) for one in answers] == [str(n) for n in range(24)]


def test_a_write_depends_on_the_servers_log_in_a_few_bytes(real: Real):
    real.posts("eu").write(real.table, "1", "hello")

    assert len(context.current().pack()) <= 32


def test_a_store_that_is_not_configured_here_is_reported_and_not_waited_for(real: Real):
    transfer(Lineage([Dependency("orders", "eu", 9)]))

    assert real.datastores("us").barrier().unknown == ("orders",)


def test_records_are_not_consumed(real: Real):
    with pytest.raises(StoreError, match=r"keeps records: they are read, not consumed"):
        real.posts("eu").consume("a", "b")


def test_a_region_without_a_server_is_told_when_it_is_used(real: Real):
    with pytest.raises(StoreError, match="has no replica in region 'mars'; it has: eu, us"):
        real.posts("mars").write(real.table, "1", "hello")


def test_a_healthy_store_says_so_from_both_regions(real: Real):
    assert real.posts("eu").health() == (True, "eu takes writes, eu answers")
    assert real.posts("us").health() == (True, "eu takes writes, us answers")


async def test_the_asynchronous_twins_do_the_same(real: Real):
    eu, us = real.posts("eu"), real.posts("us")
    await eu.write_async(real.table, "1", "hello")
    await us.barrier_async()

    assert (await us.read_async(real.table, "1")).value == "hello"
    assert (await us.health_async()).is_healthy
