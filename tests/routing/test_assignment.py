"""Slots and their owners: equal shares, the fewest moves, and stand-ins for the dead."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.routing.assignment import SLOTS, Assignment

MEMBERSHIPS = st.lists(st.sets(st.integers(0, 80), min_size=1, max_size=64), min_size=1, max_size=4)


def named(count: int) -> list[str]:
    return [f"Storage-{number}" for number in range(count)]


def after(memberships: list[set[int]]) -> Assignment:
    """The assignment of a component that had these replicas, one set after the other."""
    first, *later = [[f"Storage-{number}" for number in numbers] for numbers in memberships]
    assignment = Assignment.of(first)
    for replicas in later:
        assignment = assignment.rebalanced(replicas)
    return assignment


def moved(before: Assignment, now: Assignment) -> Counter[tuple[str, str]]:
    """How many slots went from which replica to which."""
    return Counter(pair for pair in zip(before.owners, now.owners, strict=True) if pair[0] != pair[1])


@given(memberships=MEMBERSHIPS)
def test_shares_differ_by_one_slot_at_most_whoever_came_and_went(memberships: list[set[int]]) -> None:
    assignment = after(memberships)

    shares = Counter(assignment.owners)

    assert set(shares) == set(assignment.replicas) == {f"Storage-{number}" for number in memberships[-1]}
    assert max(shares.values()) - min(shares.values()) <= 1


@given(replicas=st.integers(1, 204))
def test_every_share_is_within_5_percent_of_the_mean(replicas: int) -> None:
    shares = Counter(Assignment.of(named(replicas)).owners)

    mean = SLOTS / replicas
    assert all(abs(share - mean) <= 0.05 * mean for share in shares.values())


@given(memberships=MEMBERSHIPS)
def test_when_one_comes_only_what_it_gets_moves(memberships: list[set[int]]) -> None:
    before = after(memberships)

    now = before.rebalanced([*before.replicas, "newcomer"])

    moves = moved(before, now)
    assert {taker for _, taker in moves} == {"newcomer"}
    assert sum(moves.values()) == SLOTS // len(now.replicas)


@given(memberships=MEMBERSHIPS, data=st.data())
def test_when_one_goes_only_what_it_had_moves(memberships: list[set[int]], data: st.DataObject) -> None:
    before = after([*memberships, memberships[-1] | {99}])
    leaver = data.draw(st.sampled_from(before.replicas))

    now = before.rebalanced(set(before.replicas) - {leaver})

    moves = moved(before, now)
    assert {giver for giver, _ in moves} == {leaver}
    assert sum(moves.values()) == before.owners.count(leaver)


@given(memberships=MEMBERSHIPS, wanted=st.sets(st.integers(0, 80), min_size=1, max_size=64))
def test_no_assignment_with_equal_shares_would_move_less(memberships: list[set[int]], wanted: set[int]) -> None:
    before = after(memberships)

    now = before.rebalanced([f"Storage-{number}" for number in wanted])

    held = Counter({replica: before.owners.count(replica) for replica in now.replicas})
    share, odd = divmod(SLOTS, len(wanted))
    could_stay = sum(min(slots, share) for slots in held.values())
    could_stay += min(odd, sum(slots > share for slots in held.values()))
    assert sum(moved(before, now).values()) == SLOTS - could_stay


@given(replicas=st.permutations(named(7)))
def test_the_order_in_which_replicas_are_named_does_not_matter(replicas: list[str]) -> None:
    assert Assignment.of(replicas) == Assignment.of(named(7))
    assert Assignment.of(["other"]).rebalanced(replicas) == Assignment.of(["other"]).rebalanced(named(7))


@given(memberships=MEMBERSHIPS, slot=st.integers(0, SLOTS - 1))
def test_a_healthy_owner_takes_its_calls(memberships: list[set[int]], slot: int) -> None:
    assignment = after(memberships)

    assert assignment.owner(slot, set(assignment.replicas)) == assignment.owners[slot]


@given(memberships=MEMBERSHIPS, data=st.data())
def test_the_slots_of_a_dead_replica_are_spread_evenly(memberships: list[set[int]], data: st.DataObject) -> None:
    assignment = after([*memberships, memberships[-1] | {98, 99}])
    dead = data.draw(st.sampled_from(assignment.replicas))
    healthy = set(assignment.replicas) - {dead}

    stand_ins = Counter(assignment.owner(slot, healthy) for slot in range(SLOTS) if assignment.owners[slot] == dead)

    assert set(stand_ins) <= healthy
    counts = [stand_ins[replica] for replica in healthy]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("replicas", [3, 5, 16])
def test_the_slots_of_two_dead_replicas_are_spread_evenly_too(replicas: int) -> None:
    assignment = Assignment.of(named(replicas))
    healthy = set(assignment.replicas) - {"Storage-0", "Storage-1"}

    load = Counter(assignment.owner(slot, healthy) for slot in range(SLOTS))

    mean = SLOTS / len(healthy)
    assert set(load) == healthy
    assert all(abs(slots - mean) <= 0.05 * mean for slots in load.values())


@given(memberships=MEMBERSHIPS, slot=st.integers(0, SLOTS - 1), data=st.data())
def test_a_stand_in_stays_until_it_is_dead_itself(memberships: list[set[int]], slot: int, data: st.DataObject) -> None:
    assignment = after([*memberships, memberships[-1] | {98, 99}])
    healthy = set(assignment.replicas) - {assignment.owners[slot]}
    stand_in = assignment.owner(slot, healthy)
    others = data.draw(st.sets(st.sampled_from(assignment.replicas)))

    assert assignment.owner(slot, healthy - others | {stand_in}) == stand_in


def test_replicas_that_the_assignment_does_not_know_get_no_calls() -> None:
    assignment = Assignment.of(["a", "b"])

    assert {assignment.owner(slot, {"b", "stranger"}) for slot in range(SLOTS)} == {"b"}


def test_when_nobody_is_healthy_the_owner_is_asked() -> None:
    assignment = Assignment.of(named(3))

    assert tuple(assignment.owner(slot, ()) for slot in range(SLOTS)) == assignment.owners


def test_more_replicas_than_slots_leave_some_without() -> None:
    assignment = Assignment.of(named(SLOTS + 1))

    assert len(set(assignment.owners)) == SLOTS
    assert assignment.rebalanced(named(3)).replicas == ("Storage-0", "Storage-1", "Storage-2")


def test_an_assignment_to_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one replica"):
        Assignment.of([])
    with pytest.raises(ValueError, match="at least one replica"):
        Assignment.of(["a"]).rebalanced([])


def test_an_assignment_travels_in_10_kilobytes_and_remains_equal() -> None:
    assignment = Assignment.of(named(17)).rebalanced(named(16))
    assignment.owner(0, set())  # whatever it remembers for itself stays at home

    sent = pickle.dumps(assignment, pickle.HIGHEST_PROTOCOL)

    assert len(sent) < 10_000
    assert pickle.loads(sent) == assignment
    assert pickle.loads(sent).owner(16, {"Storage-1", "Storage-2"}) == assignment.owner(16, {"Storage-1", "Storage-2"})


PROGRAM = """
from weaverlab.routing.assignment import SLOTS, Assignment
names = ["Storage-%d" % number for number in range(9)]
assignment = Assignment.of(set(names[:5])).rebalanced(set(names)).rebalanced(set(names[2:]))
healthy = set(names[4:])
print(*[assignment.owner(slot, healthy) for slot in range(SLOTS)])
"""


def test_owners_and_stand_ins_are_the_same_in_every_process() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }

    assert len(outputs) == 1
