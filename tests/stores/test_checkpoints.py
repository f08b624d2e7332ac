"""Checkpoints: what a barrier would have waited for, seen without waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

import weaverlab as weaver
from tests.stores.deployment import Deployment
from weaverlab.antipode import barriers, request
from weaverlab.observe import Checkpoints
from weaverlab.observe.checkpoints import CheckpointCounts

NEVER_MS = 60_000


class Seen(Checkpoints):
    """Checkpoints that tell when a look has ended."""

    def wait_looks(self, count: int) -> CheckpointCounts:
        return _wait(lambda: self.snapshot() and self.snapshot()[0].looked + self.snapshot()[0].failed >= count, self)


def _wait(condition: Callable[[], object], seen: Seen) -> CheckpointCounts:
    ends_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < ends_s, seen.snapshot()
        threading.Event().wait(0.002)
    return seen.snapshot()[0]


@pytest.fixture
def seen(monkeypatch) -> Seen:
    monkeypatch.setattr("weaverlab.observe.checkpoints.LOOK_EVERY_S", 0.0)
    return Seen()


def test_a_checkpoint_sees_what_is_missing_here_and_how_far_the_store_is_behind(deploy, seen):
    deployment = deploy(posts_ms=NEVER_MS)
    us = deployment.replica("us", checkpoints=seen).agent("posts")
    deployment.replica("eu").agent("posts").write("posts", "1", "hello")
    deployment.replica("eu").agent("notes").write("notes", "new", "1")

    us.checkpoint("before the read")

    counts = seen.wait_looks(1)
    assert counts == CheckpointCounts("ComponentUS", "before the read", 1, 1, 0, 1, 1, ("posts",))
    assert counts.missing_share == 1.0


def test_where_everything_is_visible_a_barrier_would_not_wait(deploy, seen):
    deployment = deploy()
    deployment.replica("eu").agent("posts").write("posts", "1", "hello")

    deployment.replica("us", checkpoints=seen).agent("posts").checkpoint("late enough")

    assert seen.wait_looks(1).missing_share == 0.0


def test_a_checkpoint_looks_whatever_barriers_do_and_leaves_the_request_as_it_was(deploy, seen):
    deployment = deploy(posts_ms=NEVER_MS)
    deployment.replica("eu").agent("posts").write("posts", "1", "hello")
    before = weaver.get_lineage()

    with barriers("off"):
        deployment.replica("us", checkpoints=seen).agent("posts").checkpoint("here")

    assert seen.wait_looks(1).missing == 1
    assert weaver.get_lineage() == before


def test_a_branch_that_runs_would_be_waited_for(deploy, seen):
    gate = threading.Event()
    branch = weaver.spawn(gate.wait, 10)

    deploy().replica("us", checkpoints=seen).agent("posts").checkpoint("here")
    counts = seen.wait_looks(1)
    gate.set()
    branch.join()

    assert counts.missing == 1 and counts.stores == ("(branch)",)


def test_a_store_that_does_not_answer_disturbs_nobody(seen):
    deployment = Deployment()
    deployment.replica("eu").agent("posts").write("posts", "1", "hello")
    us = deployment.replica("us", _Broken(), checkpoints=seen).agent("posts")

    us.checkpoint("here")

    assert seen.wait_looks(1).failed == 1
    deployment.service.shutdown()


def test_many_requests_are_counted_and_few_are_looked_at(deploy):
    checkpoints = Seen()
    posts = deploy().replica("us", checkpoints=checkpoints).agent("posts")

    started_s = time.monotonic()
    for _ in range(2_000):
        with request():
            posts.checkpoint("here")
    took_s = time.monotonic() - started_s

    counts = checkpoints.wait_looks(1)
    assert counts.passed == 2_000 and counts.looked <= 1 + took_s / 0.1


class _Broken:
    def wait(self, *args: object) -> None:
        raise weaver.errors.StoreError("it is down")
