"""A consumer that is killed at every step of its handling loses no message, whatever the queue."""

from __future__ import annotations

import pytest

from benchmarks.delivery import sections
from benchmarks.delivery_trials import STEPS, trial

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.mark.slow
@pytest.mark.parametrize(("store", "section"), sections("127.0.0.1:5672").items())
def test_a_consumer_that_is_killed_at_every_step_loses_no_message_and_repeats_only_what_it_held(store, section):
    result = trial(store, section, STEPS, messages=100, kills=len(STEPS))

    assert (result.published, result.kills, result.lost) == (100, len(STEPS), 0)
    assert result.begun_twice == 2  # killed while handling, and before acknowledging
    assert result.handled_twice == 1  # killed before acknowledging
