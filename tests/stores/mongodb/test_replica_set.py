"""The store at a real replica set, when WEAVERLAB_MONGODB_URL names one; the run says so when it does not."""

from __future__ import annotations

import pytest

from tests.stores.real import toml_of
from weaverlab.antipode import Dependency, Lineage, request, transfer
from weaverlab.config import parse
from weaverlab.errors import BarrierTimeout, NotFoundError
from weaverlab.stores import Host, Pools, open_datastores


@pytest.fixture
def replica(section):
    pools = Pools()

    def make(region: str):
        return open_datastores(parse(toml_of(section)).antipode.values(), None, Host(region=region), {}, pools)

    yield make
    pools.close()


def test_a_barrier_at_the_secondary_ends_when_the_write_is_there_and_the_read_finds_it(replica):
    us = replica("us")
    for n in range(20):
        with request():
            replica("eu").agent("posts").write("posts", "1", {"n": n})

            assert us.barrier().is_complete
            assert us.agent("posts").read("posts", "1").value == {"n": n}


def test_what_is_deleted_and_written_again_is_seen_as_the_last_change_left_it(replica):
    eu, us = replica("eu").agent("posts"), replica("us")
    eu.write("posts", "1", "first")
    eu.delete("posts", "1")
    us.barrier()
    with pytest.raises(NotFoundError):
        us.agent("posts").read("posts", "1")

    eu.write("posts", "1", "again")
    us.barrier()
    assert us.agent("posts").read("posts", "1").value == "again"


def test_an_item_keeps_the_lineage_of_its_writer_and_what_was_read_here_is_visible_here(replica):
    order = Dependency("orders", "eu", 7)
    transfer(Lineage([order]))
    us = replica("us")
    replica("eu").agent("posts").write("posts", "1", "hello")
    us.barrier(stores=["posts"])

    with request():
        assert order in us.agent("posts").read("posts", "1").lineage
        assert us.barrier(timeout_s=0, stores=["posts"]).is_complete


def test_a_barrier_for_a_time_to_come_gives_up(replica):
    written = replica("eu").agent("posts").write("posts", "1", "hello")
    transfer(Lineage([written._replace(version=written.version + (3600 << 32))]))

    with pytest.raises(BarrierTimeout):
        replica("us").barrier(timeout_s=0.3)
