"""The agent: values go in and come out with their lineage, and what goes wrong is said clearly."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from weaverlab.antipode import Dependency, Lineage, context, request
from weaverlab.component import Interface, Main, build_application
from weaverlab.errors import ConfigError, NotFoundError, StoreError
from weaverlab.stores import Antipode, EmbeddedStores


@dataclasses.dataclass
class Post:
    id: str
    tags: list[str]


@pytest.fixture
def posts(deploy) -> Antipode:
    return deploy().replica("eu").agent("posts")


def test_any_value_that_can_be_pickled_comes_back_equal(posts):
    for n, value in enumerate([None, 0, "text", b"bytes", [1, {"a": (2.5, None)}], Post("1", ["x"])]):
        posts.write("posts", str(n), value)

        assert posts.read("posts", str(n)).value == value


def test_a_write_returns_its_id_and_the_request_depends_on_it_from_then_on(posts):
    written = posts.write("posts", "1", "hello")

    assert written == Dependency("posts", "eu", 1)
    assert context.current() == Lineage([written])


def test_a_read_returns_the_lineage_and_the_request_depends_on_it_from_then_on(deploy):
    eu = deploy().replica("eu")
    with request():
        note = eu.agent("notes").write("notes", "new", "1")
        post = eu.agent("posts").write("posts", "1", "hello")

    value, lineage = eu.agent("posts").read("posts", "1")

    assert (value, lineage) == ("hello", Lineage([note, post]))
    assert context.current() == lineage


def test_a_read_that_does_not_join_leaves_the_request_as_it_was(posts):
    with request():
        written = posts.write("posts", "1", "hello")

    assert posts.read("posts", "1", join=False).lineage == Lineage([written])
    assert not context.current()


def test_what_is_not_visible_here_is_not_found_and_the_error_says_where_it_was_looked_for(deploy):
    deployment = deploy(posts_ms=60_000)
    deployment.replica("eu").agent("posts").write("posts", "1", "hello")

    with pytest.raises(NotFoundError, match="store 'posts' shows no item posts/1 in region 'us'") as raised:
        deployment.replica("us").agent("posts").read("posts", "1")
    assert isinstance(raised.value, KeyError)
    assert raised.value.args[1:] == ("posts", "us", "posts", "1")


def test_a_deleted_item_is_not_found_until_it_is_written_again(posts):
    posts.write("posts", "1", "hello")
    deleted = posts.delete("posts", "1")

    assert deleted in context.current()
    with pytest.raises(NotFoundError):
        posts.read("posts", "1")
    posts.write("posts", "1", "again")
    assert posts.read("posts", "1").value == "again"


def test_a_value_that_cannot_be_pickled_is_refused_and_nothing_is_written(posts):
    with pytest.raises(StoreError, match="posts/1 of store posts: a value of type lock cannot be pickled"):
        posts.write("posts", "1", threading.Lock())

    assert not context.current()
    with pytest.raises(NotFoundError):
        posts.read("posts", "1")


def test_names_are_strings(posts):
    with pytest.raises(TypeError, match=r"key 1: expected a str, got int. Write str\(1\)"):
        posts.read("posts", 1)


def test_a_queue_is_not_read_and_records_are_not_consumed(deploy):
    eu = deploy().replica("eu")

    with pytest.raises(StoreError, match="store 'notes' is a queue"):
        eu.agent("notes").read("notes", "new")
    with pytest.raises(StoreError, match="store 'posts' keeps records"), eu.agent("posts").consume("a", "b") as items:
        next(items)


def test_an_agent_shows_its_store(posts):
    assert str(posts) == "posts"
    assert repr(posts) == "<agent posts: store 'posts' from region 'eu'>"


def test_an_agent_without_a_section_is_a_fault_with_the_nearest_name(deploy):
    with pytest.raises(ConfigError, match=r"needs a section \[antipode.post\]; there are: notes, posts. .* 'posts'\?"):
        deploy().replica("eu").agent("post")


def test_a_replica_in_a_region_without_the_store_is_told_so_when_it_uses_it(deploy):
    with pytest.raises(StoreError, match="store 'posts' has no replica in region 'mars'; it has: eu, us"):
        deploy().replica("mars").agent("posts").write("posts", "1", "hello")


def test_a_replica_without_a_region_is_in_the_first_region_of_each_store(deploy):
    assert deploy().replica("").agent("posts").write("posts", "1", "hello").scope == "eu"


def test_two_stores_with_one_id_are_a_fault(deploy):
    configs = deploy().configs

    with pytest.raises(ConfigError, match=r"\[antipode.other\]: id 'posts' is taken by another store"):
        EmbeddedStores([*configs, dataclasses.replace(configs[0], name="other")])


def test_a_field_annotated_with_the_agent_is_found_by_the_component_model():
    class Greeter(Interface):
        def greet(self) -> None: ...

    class Reader(Main):
        posts: Antipode

        def main(self) -> None: ...

    assert build_application([Reader]).components["Reader"].agents == {"posts": "posts"}
