"""When requests are to be sent, and what a body and an answer look like."""

from __future__ import annotations

from itertools import pairwise

import pytest

from weaverlab.clock import system_rng
from weaverlab.experiment.workload import Answer, Workload, schedule

URL = "http://localhost:1/posts"


def test_fixed_arrivals_are_evenly_spaced_and_end_before_the_time_is_up():
    times_s = schedule(Workload(URL, rate=40, duration_s=2, warmup_s=0.5), system_rng(1))

    assert len(times_s) == 100
    assert times_s[0] == 0
    assert times_s[99] == pytest.approx(2.475)


def test_poisson_arrivals_have_the_rate_they_were_asked_for_and_vary():
    times_s = schedule(Workload(URL, rate=100, duration_s=50, arrivals="poisson"), system_rng(1))
    gaps_s = [after - before for before, after in pairwise(times_s)]

    assert len(times_s) == pytest.approx(5000, rel=0.05)
    assert min(gaps_s) < 0.001 < 0.04 < max(gaps_s)
    assert times_s[-1] < 50


def test_a_seed_gives_the_same_schedule_again_and_another_seed_another_one():
    def times_s(seed: int) -> tuple[float, ...]:
        return schedule(Workload(URL, rate=40, duration_s=2, arrivals="poisson"), system_rng(seed))

    assert times_s(1) == times_s(1)
    assert times_s(1) != times_s(2)


def test_a_body_carries_the_number_of_its_request():
    workload = Workload(URL, rate=1, duration_s=1, body='{"id": "{n}", "text": "number {n}"}')

    assert workload.body_of(7) == b'{"id": "7", "text": "number 7"}'


def test_requests_before_the_end_of_the_warm_up_do_not_count():
    workload = Workload(URL, rate=10, duration_s=1, warmup_s=0.3)
    times_s = schedule(workload, system_rng(1))

    assert [n for n in range(len(times_s)) if workload.is_warmup(n, times_s)] == [0, 1, 2]


def test_an_answer_survives_its_line_of_json():
    answer = Answer(3, 0.075, 0.1, 2.5, 0, 'ConnectionRefusedError: "no"\n', False)

    assert Answer.from_line(answer.to_line()) == answer
    assert "\n" not in answer.to_line()
