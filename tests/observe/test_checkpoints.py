"""What checkpoints count, put together over replicas, and shown."""

from __future__ import annotations

from weaverlab.observe import Checkpoints, Snapshot, merge_checkpoints
from weaverlab.observe.checkpoints import LOOK_EVERY_S, Checkpoint, CheckpointCounts


def test_a_checkpoint_is_looked_at_once_in_a_while_however_many_pass():
    checkpoint = Checkpoint("Reader", "here")

    due = [checkpoint.is_due(LOOK_EVERY_S * tenths / 10) for tenths in range(21)]

    assert [tenths for tenths, is_due in enumerate(due) if is_due] == [0, 10, 20]
    assert checkpoint.snapshot().passed == 21


def test_a_checkpoint_of_one_name_is_one_however_often_it_is_asked_for():
    checkpoints = Checkpoints()

    assert checkpoints.at("Reader", "here") is checkpoints.at("Reader", "here") is not checkpoints.at("Writer", "here")


def test_figures_of_replicas_are_put_together_by_component_and_name():
    one, other = Checkpoint("Reader", "here"), Checkpoint("Reader", "here")
    for checkpoint, behind in ((one, {"posts": 3}), (other, {}), (other, {"notes": 7, "posts": 1})):
        checkpoint.is_due(0.0)
        checkpoint.saw(behind)
    other.failed()
    elsewhere = CheckpointCounts("Writer", "here")

    merged = merge_checkpoints([elsewhere, one.snapshot(), other.snapshot()])

    assert merged == (CheckpointCounts("Reader", "here", 3, 3, 1, 2, 7, ("notes", "posts")), elsewhere)
    assert elsewhere.missing_share is None


def test_a_snapshot_shows_where_a_barrier_would_wait():
    seen = (
        CheckpointCounts("Reader", "before the read", 400, 20, 0, 15, 12, ("posts",)),
        CheckpointCounts("Writer", "at the end", 400),
    )
    lines = str(Snapshot("d", "", "single", "running", (), checkpoints=seen)).splitlines()

    assert lines[-4].split() == ["checkpoint", "component", "passed", "looked", "at", "would", "wait", "behind", "for"]
    assert lines[-2].split() == ["before", "the", "read", "Reader", "400", "20", "75%", "up", "to", "12", "posts"]
    assert lines[-1].split() == ["at", "the", "end", "Writer", "400", "0", "-", "-", "-"]
