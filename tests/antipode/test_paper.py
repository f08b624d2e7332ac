"""The paper as tests: Antipode, "Enforcing Cross-Service Causal Consistency in Distributed Applications", SOSP 2023.

One test per claim, on virtual time, over the same cores that the deployments run. Each docstring names the concept
of the paper that it shows.
"""

from __future__ import annotations

import contextvars

from tests.antipode.world import World
from weaverlab.antipode import Lineage, branches, context, get_lineage, request, transfer
from weaverlab.antipode.barrier import conclude, plan


def post_and_notify(world: World, value: bytes = b"hello") -> None:
    """The poster's request: a post in the slow store, then a notification through the fast queue."""
    with request():
        world.write("eu", "1", value)
        world.notify("eu", b"1")


def test_without_a_barrier_a_notification_overtakes_its_post():
    """The motivating example, post-notification: each store is correct alone, together they violate causality."""
    world = World(posts_ms=100, notes_ms=10)
    post_and_notify(world)

    world.now_s = 0.01
    assert world.receive("us") is not None
    assert world.read("us", "1") is None


def test_with_a_barrier_the_reader_of_a_notification_finds_the_post():
    """Cross-service causal consistency (XCY): an effect is never seen without its causes."""
    world = World(posts_ms=100, notes_ms=10)
    post_and_notify(world)

    world.now_s = 0.01
    world.receive("us")
    world.barrier("us")
    assert world.read("us", "1").value == b"hello"


def test_a_barrier_waits_for_the_lag_and_no_longer():
    """Barrier: it returns once the lineage's writes are visible; the wait is the replication that is left."""
    world = World(posts_ms=100, notes_ms=10)
    post_and_notify(world)

    world.now_s = 0.01
    world.receive("us")
    assert not world.look("us").is_complete
    assert world.barrier("us").is_complete
    assert world.now_s == 0.1


def test_a_barrier_where_everything_is_visible_does_not_wait():
    """Barrier: where the causes have arrived already, the cost is one look."""
    world = World(posts_ms=1, notes_ms=10)
    post_and_notify(world)

    world.now_s = 0.01
    world.receive("us")
    world.barrier("us")
    assert world.now_s == 0.01


def test_a_barrier_is_about_the_region_that_asks():
    """Barrier placement: it enforces visibility at the caller's own replicas, nowhere else."""
    world = World(posts_ms=100)
    with request():
        world.write("eu", "1", b"hello")

        assert world.look("eu").is_complete
        assert not world.look("us").is_complete


def test_a_barrier_covers_every_store_of_the_lineage():
    """Barrier: dependencies are grouped by datastore, each waited for through its own shim."""
    world = World(posts_ms=100, notes_ms=200)
    with request():
        world.write("eu", "1", b"hello")
        world.notify("eu", b"1")
        report = world.barrier("us")

    assert [store.store for store in report.stores] == ["notes", "posts"]
    assert world.now_s == 0.2


def test_a_write_stores_the_lineage_of_its_writer_beside_the_value():
    """Shims: a write persists the value together with the lineage; the value itself stays what it was."""
    world = World()
    with request():
        first = world.write("eu", "1", b"first")
        second = world.write("eu", "2", b"second")

    item = world.posts.read("eu", "posts", "2", world.now_s)
    assert item.value == b"second"
    assert (Lineage.unpack(item.lineage), item.dependency) == (Lineage([first]), second)


def test_a_reader_depends_on_what_it_read_and_on_all_that_led_to_it():
    """Reads-from-lineage: reading a value makes its writer's lineage part of the reader's."""
    world = World()
    with request():
        world.notify("eu", b"earlier")
        world.write("eu", "1", b"hello")
        writers = context.current()

    with request():
        world.read("eu", "1")
        assert context.current() == writers


def test_causality_is_transitive_over_stores_and_requests():
    """XCY: C depends on A when C read from B and B read from A, whatever services and stores lie between."""
    world = World(posts_ms=100)
    with request():
        cause = world.write("eu", "1", b"cause")
    with request():
        world.read("eu", "1")
        world.write("eu", "2", b"effect")
    with request():
        world.read("eu", "2")
        world.notify("eu", b"2")

    world.now_s = 0.02
    assert Lineage([cause]) <= Lineage.unpack(world.receive("us").lineage)
    assert not world.look("us").is_complete


def test_what_a_callee_writes_is_in_its_callers_lineage_once_it_has_answered():
    """Lineage propagation: it follows calls forth and replies back (a fault of the Go implementation: no way back)."""
    world = World()

    def callee(arrived: bytes) -> bytes:
        """Another process: it begins with what the call carried and answers with what it added."""
        transfer(arrived)
        before = context.current()
        world.write("eu", "1", b"hello")
        return context.current().added_since(before).pack()

    with request():
        world.notify("eu", b"something")
        reply = contextvars.Context().run(callee, get_lineage())
        transfer(reply)

        assert {one.store for one in context.current()} == {"notes", "posts"}


def test_concurrent_branches_do_not_depend_on_each_other_until_they_are_gathered():
    """Lineage as a directed acyclic graph: branches of a request are concurrent, a join depends on all of them."""
    world = World()
    with request():
        root = world.write("eu", "root", b"")
        branches = [contextvars.copy_context() for _ in range(3)]
        written = [branch.run(world.write, "eu", f"branch {n}", b"") for n, branch in enumerate(branches)]

        assert branches[0].run(context.current) == Lineage([root, written[0]])
        for branch in branches:
            transfer(branch.run(get_lineage))
        assert all(Lineage([one]) <= context.current() for one in [root, *written])


def test_requests_do_not_inherit_from_requests_that_merely_ran_before_in_the_same_process():
    """Lineage against potential causality: what ran before is no dependency, and that bounds lineages."""
    world = World()
    post_and_notify(world)

    with request():
        assert not context.current()


def test_dependencies_can_be_moved_between_requests_by_hand():
    """Explicit control: `transfer` adds one lineage to another where the application knows of causality outside."""
    world = World(posts_ms=100)
    with request():
        world.write("eu", "1", b"hello")
        by_hand = get_lineage()  # printed on paper, carried by a pigeon

    with request():
        assert world.look("us").is_complete
        transfer(by_hand)
        assert not world.look("us").is_complete


def test_a_version_that_was_replaced_counts_as_visible():
    """Write identifiers: a version is a position, compared with >=; waiting for an equal value would never end."""
    world = World(posts_ms=100)
    post_and_notify(world, b"first")
    world.now_s = 0.05
    with request():
        world.write("eu", "1", b"second")

    world.now_s = 1.0
    world.receive("us")
    assert world.read("us", "1").value == b"second"
    assert world.look("us").is_complete


def test_a_lineage_does_not_carry_values_and_stays_small():
    """Metadata: lineages hold identifiers only, tens of bytes a dependency whatever is written."""
    world = World()
    with request():
        for n in range(100):
            world.write("eu", f"{n}", b"x" * 100_000)
            world.notify("eu", b"%d" % n)

        assert len(get_lineage()) <= 2 * 32


def test_a_branch_that_nobody_waited_for_is_found_by_whoever_depends_on_the_request():
    """TrainTicket: cancelling answers before the refund is written, and still the client's next read must find it."""
    world = World(posts_ms=100)
    with request():
        refund = contextvars.copy_context()
        branches.begin("refund")
        refund.run(branches.enter, "refund")
        reply = get_lineage()  # of `cancel`, which returns here

    with request():
        transfer(reply)
        assert branches.waited_for() == ("refund",)  # the barrier waits for the branch to end: nobody knows its writes
        refund.run(world.write, "eu", "refund", b"paid back")
        branches.settle({"refund": refund.run(context.current)})
        world.barrier("us")
        assert world.read("us", "refund").value == b"paid back"


def test_a_barrier_need_not_wait_to_say_what_it_would_wait_for():
    """Barrier placement: looking without waiting, at several places, shows where a barrier is worth its wait."""
    world = World(posts_ms=100, notes_ms=10)
    post_and_notify(world)
    world.now_s = 0.01
    world.receive("us")

    early = world.look("us")
    world.now_s = 0.2  # the reader has done other things meanwhile
    late = world.look("us")

    assert [missing.dependency.store for missing in early.missing] == ["posts"]
    assert late.is_complete


def test_comparing_versions_for_equality_never_ends_once_somebody_else_has_written():
    """Write identifiers: the Go implementation compares values for equality; here it is a fault that labs switch on."""
    world = World(posts_ms=0)
    with request():
        depends_on = Lineage([world.write("eu", "1", b"first")])
    with request():
        world.write("eu", "2", b"of somebody else")

    planned = plan(depends_on, {"posts"})
    positions = {one: world.posts.log.applied("us", one.scope, world.now_s) for one in depends_on}
    verdicts = [
        conclude(planned, positions, region="us", mode="enforce", waited_s=0.0, needs_equality=needs_equality)
        for needs_equality in (False, True)
    ]

    assert [verdict.is_complete for verdict in verdicts] == [True, False]
