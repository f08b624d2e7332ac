"""What events mean: which reads came too early, and the story of a request in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.observe.sample import post_notification_events
from weaverlab.history import Applied, Event, Finished, Observed, Started, Waited, Wrote
from weaverlab.observe import is_violation, lineage_text, requests, violations
from weaverlab.observe.lineage import calls, one_request

VIOLATED = post_notification_events(barrier=False, request="bad")
HEALTHY = post_notification_events(barrier=True, request="good")


def wrote(at_s: float, version: int, scope: str = "eu") -> Event:
    return Wrote(at_s, "r", "Writer", "Writer/0", "eu", "posts", "posts", "p", scope, version)


def observed(at_s: float, found: bool, version: int = 0, scope: str = "eu") -> Event:
    return Observed(
        at_s, "r", "Reader", "Reader/0", "us", "posts", "posts", "p", found, scope if found else "", version
    )


def test_a_read_that_finds_nothing_after_its_own_request_wrote_is_a_violation() -> None:
    (violation,) = violations(VIOLATED)

    assert isinstance(violation.wrote, Wrote) and violation.wrote.key == "p42"
    assert violation.early_s == pytest.approx(0.07755)
    assert str(violation) == "posts/p42 was read in us 78 ms before it arrived"


def test_a_request_with_a_barrier_is_healthy() -> None:
    assert not is_violation(HEALTHY)


def test_an_older_version_of_the_same_scope_is_a_violation_and_a_newer_one_is_not() -> None:
    writes = [wrote(1.0, 4), wrote(2.0, 5)]

    assert is_violation([*writes, observed(3.0, True, version=4)])
    assert not is_violation([*writes, observed(3.0, True, version=5)])
    assert not is_violation([*writes, observed(3.0, True, version=6)])


def test_versions_of_different_scopes_are_not_compared() -> None:
    assert not is_violation([wrote(1.0, 9), observed(2.0, True, version=1, scope="us")])


def test_a_read_before_the_write_or_of_another_request_or_key_is_no_violation() -> None:
    assert not is_violation([observed(0.5, False), wrote(1.0, 1)])
    assert not is_violation([wrote(1.0, 1), replace(observed(2.0, False), request="other")])
    assert not is_violation([wrote(1.0, 1), replace(observed(2.0, False), key="q")])  # type: ignore[call-arg]


def test_a_violation_without_a_recorded_arrival_is_still_one() -> None:
    (violation,) = violations([event for event in VIOLATED if not isinstance(event, Applied)])

    assert violation.early_s is None
    assert str(violation) == "posts/p42 was read in us before it arrived"


def test_a_violation_names_the_table_where_it_says_more_than_the_store() -> None:
    (violation,) = violations([replace(event, table="drafts") for event in (wrote(1.0, 1), observed(2.0, False))])  # type: ignore[call-arg]

    assert str(violation) == "posts/drafts/p was read in us before it arrived"


def test_events_are_grouped_by_request_in_time_order() -> None:
    mixed = [event for pair in zip(HEALTHY[::-1], VIOLATED[::-1], strict=False) for event in pair]

    grouped = requests(mixed)

    assert set(grouped) == {"good", "bad"}
    assert all(list(events) == sorted(events, key=lambda e: e.at_s) for events in grouped.values())


def test_of_many_requests_the_newest_violated_one_is_shown_else_the_newest_unless_one_is_named() -> None:
    later = tuple(replace(event, request="later", at_s=event.at_s + 1e6) for event in HEALTHY)
    violated_later = tuple(replace(event, request="worse", at_s=event.at_s + 1e6) for event in VIOLATED)

    assert one_request([*HEALTHY, *VIOLATED, *later]) == VIOLATED
    assert one_request([*VIOLATED, *violated_later, *HEALTHY]) == violated_later
    assert one_request([*HEALTHY, *later]) == later
    assert one_request([*HEALTHY, *VIOLATED], "good") == HEALTHY
    assert one_request(HEALTHY) == HEALTHY
    assert one_request([*HEALTHY], "unknown") == ()


def test_the_story_of_a_violated_request_marks_the_read() -> None:
    story = lineage_text(VIOLATED).splitlines()

    assert story[0] == "request bad: VIOLATION: posts/p42 was read in us 78 ms before it arrived"
    assert len(story) == len(VIOLATED) + 1
    (marked,) = (line for line in story if "<-- VIOLATION" in line)
    assert marked.startswith("    24.35 ms  PostStorageUS (us)   read posts/p42: not found")


def test_the_story_of_a_healthy_request_names_its_barrier() -> None:
    story = lineage_text(HEALTHY)

    assert story.startswith("request good: no violation")
    assert "barrier waited 79 ms for 1 dependency" in story


def test_a_barrier_that_gave_up_says_on_how_much() -> None:
    waited = Waited(2.0, "r", "Reader", "Reader/0", "us", 1.0, (("posts", "eu", 1), ("posts", "us", 2)), missing=1)

    assert "barrier waited 1000 ms for 2 dependencies, gave up on 1" in lineage_text([waited])


def test_no_events_are_said_to_be_none() -> None:
    assert lineage_text([]) == "No events were recorded for this request."


def test_a_retried_call_has_an_execution_for_each_attempt() -> None:
    def at(at_s: float, replica: str, kind: type[Event], **fields: str) -> Event:
        return kind(at_s, "r", "Reader", replica, "us", span="s", **fields)  # type: ignore[call-arg]

    (call,) = calls(
        [at(1.0, "a", Started, method="read"), at(2.0, "b", Started, method="read"), at(3.0, "b", Finished)]
    )

    assert [(e.started and e.started.replica, e.finished and e.finished.replica) for e in call.executions] == [
        ("a", None),
        ("b", "b"),
    ]
