"""Lineages form a join-semilattice, and compaction loses nothing that a barrier could need."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.antipode.world import dependencies, lineages
from weaverlab.antipode import Dependency, Lineage
from weaverlab.antipode.barrier import conclude, plan


@given(lineages, lineages, lineages)
def test_merging_is_associative(a, b, c):
    assert (a | b) | c == a | (b | c)


@given(lineages, lineages)
def test_merging_is_commutative(a, b):
    assert a | b == b | a


@given(lineages, dependencies)
def test_merging_and_adding_are_idempotent_so_duplicates_are_harmless(a, dependency):
    assert a | a is a
    assert a.add(dependency).add(dependency) == a.add(dependency)


@given(lineages)
def test_the_empty_lineage_is_neutral(a):
    assert a | Lineage.empty() == a
    assert Lineage.empty() | a == a


@given(lineages, lineages)
def test_the_merge_is_the_least_lineage_that_covers_both(a, b):
    merged = a | b

    assert a <= merged and b <= merged
    assert all(Lineage([one]) <= a or Lineage([one]) <= b for one in merged)


@given(lineages, lineages)
def test_the_order_is_that_of_the_merge(a, b):
    assert (a <= b) == (a | b == b)


@given(lineages, lineages)
def test_what_was_added_completes_the_earlier_lineage_and_holds_nothing_it_had(later, earlier):
    added = later.added_since(earlier)

    assert earlier | added == earlier | later
    assert not any(Lineage([one]) <= earlier for one in added)


@given(st.lists(dependencies, max_size=12))
def test_building_by_list_by_adding_and_by_merging_is_the_same(many):
    by_adding = by_merging = Lineage()
    for one in many:
        by_adding = by_adding.add(one)
        by_merging = Lineage([one]) | by_merging

    assert by_adding == by_merging == Lineage(many)
    assert hash(by_adding) == hash(Lineage(reversed(many)))


@given(st.lists(dependencies, max_size=12), st.dictionaries(dependencies, st.integers(0, 300)))
def test_a_barrier_passes_for_the_compacted_lineage_exactly_when_it_would_for_all_writes(many, applied):
    reached = {(one.store, one.scope): position for one, position in applied.items()}
    everything_is_visible = all(reached.get((one.store, one.scope), 0) >= one.version for one in many)
    lineage = Lineage(many)

    planned = plan(lineage, {one.store for one in many})
    positions = {one: reached.get((one.store, one.scope), 0) for one in lineage}
    report = conclude(planned, positions, region="us", mode="enforce", waited_s=0.0)

    assert report.is_complete == everything_is_visible


@given(st.data(), st.lists(st.sampled_from(["eu", "us"]), min_size=1, max_size=12))
def test_replicas_that_apply_logs_in_order_have_every_write_of_a_lineage_when_they_have_its_compaction(data, origins):
    writes = [Dependency("posts", origin, number) for number, origin in enumerate(origins, start=1)]
    logs = {origin: [one for one in writes if one.scope == origin] for origin in origins}
    uncompacted = data.draw(st.sets(st.sampled_from(writes)))
    taken = {origin: data.draw(st.integers(0, len(log))) for origin, log in logs.items()}
    replica = {one for origin, log in logs.items() for one in log[: taken[origin]]}  # of each log a beginning
    reached = {origin: max((one.version for one in replica if one.scope == origin), default=0) for origin in logs}

    lineage = Lineage(uncompacted)
    report = conclude(
        plan(lineage, {"posts"}),
        {one: reached[one.scope] for one in lineage},
        region="us",
        mode="enforce",
        waited_s=0.0,
    )

    assert report.is_complete == (uncompacted <= replica)


@given(st.lists(dependencies, max_size=8), st.lists(dependencies, max_size=4))
def test_dropping_what_has_been_waited_for_leaves_what_is_later_or_elsewhere(many, visible):
    lineage = Lineage(many)
    reached = {(one.store, one.scope): one.version for one in Lineage(visible)}

    rest = lineage.without(visible)

    assert list(rest) == [one for one in lineage if one.version > reached.get((one.store, one.scope), -1)]
    assert rest is not lineage or rest == lineage


@given(st.lists(dependencies, max_size=30))
def test_a_lineage_never_holds_two_versions_of_one_log(many):
    logs = [(one.store, one.scope) for one in Lineage(many)]

    assert logs == sorted(set(logs))


def test_operations_that_change_nothing_return_the_same_object():
    lineage = Lineage([Dependency("posts", "eu", 17), Dependency("notes", "eu", 3)])
    part = Lineage([Dependency("posts", "eu", 12)])

    assert lineage.add(Dependency("posts", "eu", 12)) is lineage
    assert lineage | part is lineage
    assert part | lineage is lineage
    assert lineage.added_since(Lineage.empty()) is lineage
    assert lineage.added_since(lineage) is Lineage.empty()


def test_a_lineage_that_is_carried_through_many_hops_is_packed_once():
    arrived = Lineage.unpack(Lineage([Dependency("posts", "eu", 17)]).pack())

    assert arrived.pack() is (arrived | Lineage()).pack() is (arrived | arrived).pack()


def test_a_lineage_crosses_processes_as_a_few_bytes_and_the_empty_one_stays_unique():
    lineage = Lineage([Dependency("posts", "eu", 17)])

    assert pickle.loads(pickle.dumps(lineage)) == lineage
    assert pickle.loads(pickle.dumps(Lineage.empty())) is Lineage.empty()


def test_a_lineage_reads_well():
    lineage = Lineage([Dependency("posts", "eu", 17), Dependency("notes", "us", 3)])

    assert repr(lineage) == "Lineage(notes@us:3, posts@eu:17)"
    assert list(lineage) == [Dependency("notes", "us", 3), Dependency("posts", "eu", 17)]
    assert len(lineage) == 2 and lineage and not Lineage()


@pytest.mark.parametrize(
    "wrong",
    [
        ("posts", "eu", -1),
        ("posts", "eu", 2**64),
        ("posts", "eu", "17"),
        ("", "eu", 1),
        ("posts", None, 1),
        ("posts", "e\0u", 1),
    ],
)
def test_a_dependency_that_could_not_travel_is_refused_where_it_is_made(wrong):
    with pytest.raises((ValueError, TypeError)):
        Lineage([Dependency(*wrong)])
    with pytest.raises((ValueError, TypeError)):
        Lineage().add(Dependency(*wrong))
