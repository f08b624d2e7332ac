"""Which requests are traced, on a clock of the test's own."""

from __future__ import annotations

import random

from weaverlab.web.sampling import TraceSampler


class HandClock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.time_s = 1000.0

    def now_s(self) -> float:
        return self.time_s


def traced(per_second: int, seconds: int) -> int:
    """Return how many requests are traced of so many that come evenly."""
    clock = HandClock()
    sampler = TraceSampler(clock, random.Random(1))
    count = 0
    for _ in range(per_second * seconds):
        count += sampler.should_trace()
        clock.time_s += 1 / per_second
    return count


def test_the_first_request_is_traced_and_the_next_only_later() -> None:
    sampler = TraceSampler(HandClock(), random.Random(1))

    assert [sampler.should_trace() for _ in range(3)] == [True, False, False]


def test_about_one_request_a_second_is_traced_however_many_come() -> None:
    assert 250 < traced(per_second=10, seconds=300) < 350
    assert 250 < traced(per_second=1000, seconds=300) < 350


def test_of_rare_requests_most_are_traced() -> None:
    clock = HandClock()
    sampler = TraceSampler(clock, random.Random(1))
    answers = []
    for _ in range(100):
        answers.append(sampler.should_trace())
        clock.time_s += 2.0  # no pause is longer

    assert all(answers)
