"""What agents and stores record of a traced request, and that they record nothing of any other."""

from __future__ import annotations

import pytest

from weaverlab.errors import NotFoundError
from weaverlab.history import Applied, Delivered, Observed, Waited, Wrote

TRACE = "0123456789abcdef" * 2


def run_one_request(deployment) -> None:
    """Post in eu and notify; in us consume, read too early, wait, and read again."""
    eu, us = deployment.replica("eu"), deployment.replica("us")
    eu.agent("posts").write("posts", "1", "hello")
    eu.agent("notes").write("notes", "new", "1")
    with us.agent("notes").consume("notes", "new") as messages:
        next(messages)
        with pytest.raises(NotFoundError):
            us.agent("posts").read("posts", "1")
        us.agent("posts").barrier()
        us.agent("posts").read("posts", "1")


def test_a_traced_request_leaves_its_whole_story(deploy):
    deployment = deploy(posts_ms=60)
    deployment.trace = TRACE

    run_one_request(deployment)

    kinds = [type(event) for event in deployment.events]
    assert kinds == [Wrote, Wrote, Delivered, Observed, Waited, Observed]
    assert {event.request for event in deployment.events} == {TRACE}
    wrote, _, delivered, missed, waited, found = deployment.events
    assert (wrote.component, wrote.region, wrote.store, wrote.key) == ("ComponentEU", "eu", "posts", "1")
    assert (wrote.scope, wrote.version) == (found.scope, found.version) == ("eu", 1)
    assert (delivered.component, delivered.table, delivered.key) == ("ComponentUS", "notes", "new")
    assert (missed.found, found.found) == (False, True)
    assert waited.dependencies == (("notes", "eu", 1), ("posts", "eu", 1)) and waited.missing == 0
    assert missed.at_s <= waited.started_s < waited.at_s <= found.at_s


def test_the_stores_tell_when_a_traced_write_became_visible_where(deploy):
    deployment = deploy(posts_ms=60)
    deployment.trace = TRACE
    run_one_request(deployment)

    history = deployment.service.history()

    assert all(isinstance(event, Applied) and event.request == TRACE for event in history)
    posts = {event.region: event.at_s for event in history if event.store == "posts"}
    assert posts["us"] - posts["eu"] == pytest.approx(0.06)


def test_a_request_that_is_not_traced_leaves_nothing(deploy):
    deployment = deploy(posts_ms=60)

    run_one_request(deployment)

    assert deployment.events == []
    assert deployment.service.history() == ()


def test_a_barrier_that_gave_up_says_how_much_was_missing(deploy):
    deployment = deploy(posts_ms=60_000)
    deployment.trace = TRACE
    deployment.replica("eu").agent("posts").write("posts", "1", "hello")

    deployment.replica("us").barrier(timeout_s=0.0, on_timeout="report")

    assert deployment.events[-1].missing == 1
