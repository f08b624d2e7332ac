"""The barrier's decision: what it waits for, what it leaves out, and what it says."""

from __future__ import annotations

import pytest

from weaverlab.antipode import BarrierFaults, BarrierReport, Dependency, Lineage, barriers
from weaverlab.antipode.barrier import block, conclude, plan

POST = Dependency("posts", "eu", 17)
USER = Dependency("posts", "us", 4)
NOTE = Dependency("notes", "eu", 3)
LINEAGE = Lineage([POST, USER, NOTE])


def concluded(planned, positions, mode="enforce", waited_s=0.5):
    return conclude(planned, positions, region="us", mode=mode, waited_s=waited_s)


def test_a_plan_groups_the_lineage_by_store():
    assert plan(LINEAGE, {"posts", "notes"}).waits == {"notes": (NOTE,), "posts": (POST, USER)}


def test_a_store_that_is_not_wanted_or_not_known_is_named_and_not_passed_over_in_silence():
    planned = plan(Lineage([POST, NOTE, Dependency("orders", "eu", 9)]), known={"posts", "notes"}, wanted={"posts"})

    assert planned.waits == {"posts": (POST,)}
    assert planned.skipped == ("notes",)
    assert planned.unknown == ("orders",)


def test_a_version_that_was_overwritten_meanwhile_is_visible():
    report = concluded(plan([POST], {"posts"}), {POST: 25})

    assert report.is_complete and not report.missing


def test_the_report_says_what_is_missing_and_by_how_much():
    report = concluded(plan(LINEAGE, {"posts", "notes"}), {POST: 12, USER: 4, NOTE: 3})

    assert not report.is_complete
    (missing,) = report.missing
    assert (missing.dependency, missing.applied, missing.behind) == (POST, 12, 5)
    assert [store.store for store in report.stores if store.missing] == ["posts"]


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (concluded(plan([POST], {"posts"}), {POST: 17}, waited_s=0.0982), "waited 98.2 ms: posts@eu:17"),
        (
            concluded(plan([POST], {"posts"}), {POST: 12}),
            "gave up after 0.5 s: posts@eu:17 missing (applied 12, 5 behind)",
        ),
        (concluded(plan([], {"posts"}), {}, waited_s=0.0), "waited 0.0 ms: nothing to wait for"),
        (
            concluded(plan([POST, NOTE], {"posts"}), {POST: 17}, waited_s=0.0),
            "waited 0.0 ms: posts@eu:17; not stored here: notes",
        ),
        (
            concluded(plan([POST, NOTE], {"posts", "notes"}, {"posts"}), {POST: 17}, waited_s=0.0),
            "waited 0.0 ms: posts@eu:17; skipped: notes",
        ),
    ],
)
def test_a_report_reads_as_a_sentence(report, text):
    assert repr(report) == f"<barrier in us {text}>"


def test_a_dry_run_and_a_barrier_that_is_off_say_so():
    missing = concluded(plan([POST], {"posts"}), {POST: 12}, mode="dry_run", waited_s=0.0)
    visible = concluded(plan([POST], {"posts"}), {POST: 17}, mode="dry_run", waited_s=0.0)

    assert missing.dry_run and not missing.is_complete
    assert str(missing) == "barrier in us, dry run: posts@eu:17 missing (applied 12, 5 behind)"
    assert str(visible) == "barrier in us, dry run: all visible: posts@eu:17"
    assert str(BarrierReport("us", "off")) == "barrier in us: off"
    assert str(BarrierReport("", "off")) == "barrier: off"  # of a component that is in no region
    assert not BarrierReport("us", "off").is_complete


def test_a_block_sets_mode_and_faults_for_itself_and_inner_blocks_win():
    assert block() is None
    with barriers("off"):
        with barriers("enforce", BarrierFaults(drop=0.5)):
            assert block() == ("enforce", BarrierFaults(drop=0.5))
        assert block() == ("off", BarrierFaults())
    assert block() is None


def test_a_fault_that_is_no_share_is_refused():
    with pytest.raises(ValueError, match="drop: expected a share from 0 to 1, saw 2"):
        barriers("enforce", BarrierFaults(2)).__enter__()


def test_a_mode_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="expected one of 'enforce', 'dry_run', 'off'"), barriers("on"):
        pass
