"""Faults on purpose: which dependencies they hit follows from the seed, and every report names them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.antipode import BarrierFaults, Dependency, Lineage
from weaverlab.antipode.barrier import conclude, plan
from weaverlab.antipode.faults import inject

MANY = Lineage(Dependency("posts", f"log {n}", n) for n in range(1000))
PLAN = plan(MANY, {"posts"})
shares = st.sampled_from([0.0, 0.3, 1.0])


@given(shares, shares, st.integers(0, 5))
def test_a_dependency_is_dropped_taken_for_visible_or_left_alone_and_each_fault_is_noted(drop, wrong_replica, seed):
    injected = inject(PLAN, BarrierFaults(drop, wrong_replica, seed=seed))

    kept = set(injected.plan.waits["posts"])
    dropped = set(MANY) - kept
    assert injected.assumed <= kept
    assert len(injected.notes) == len(dropped) + len(injected.assumed)
    assert len(dropped) / 1000 == pytest.approx(drop, abs=0.06)
    assert len(injected.assumed) / 1000 == pytest.approx((1 - drop) * wrong_replica, abs=0.06)


def test_the_same_seed_hits_the_same_dependencies_whatever_else_there_is():
    alone = [inject(plan([one], {"posts"}), BarrierFaults(0.5, seed=7)).plan.waits["posts"] for one in MANY]
    together = inject(PLAN, BarrierFaults(0.5, seed=7)).plan.waits["posts"]

    assert tuple(one for ones in alone for one in ones) == together
    assert together != inject(PLAN, BarrierFaults(0.5, seed=8)).plan.waits["posts"]


def test_without_faults_the_plan_is_what_it_was():
    assert inject(PLAN, BarrierFaults()) == (PLAN, frozenset(), ())
    assert inject(PLAN, BarrierFaults(seed=7)).plan == PLAN


def test_a_report_says_what_was_done_wrong_on_purpose():
    post, note = Dependency("posts", "eu", 17), Dependency("notes", "eu", 3)
    todo = inject(plan([post, note], {"posts", "notes"}), BarrierFaults(wrong_replica=1.0, equality=True))

    report = conclude(
        todo.plan,
        {post: 17, note: 5},
        region="us",
        mode="enforce",
        waited_s=1.0,
        injected=todo.notes,
        needs_equality=True,
    )

    assert report.injected == (
        "asked where it was written for posts@eu:17",
        "asked where it was written for notes@eu:3",
        "compared with ==",
    )
    assert not report.is_complete
    assert str(report) == (
        "barrier in us gave up after 1 s: notes@eu:3 missing (applied 5, later, but not equal); "
        "FAULTS INJECTED: asked where it was written for posts@eu:17, "
        "asked where it was written for notes@eu:3, compared with =="
    )
