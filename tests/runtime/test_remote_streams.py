"""The reading side of a stream alone: how long it waits for what."""

from __future__ import annotations

from weaverlab.observe import MethodKey, MethodStats
from weaverlab.runtime.remote import RemoteMethod
from weaverlab.runtime.remote_streams import _Reading

METHOD = RemoteMethod(1, "numbers", True, MethodStats(MethodKey("Reader", "Source", "numbers", True)))
CALL_TIMEOUT_S = 30.0


def test_until_its_first_item_all_attempts_together_wait_no_longer_than_a_call() -> None:
    times_s = iter([0.0, *[29.0] * 10])
    reading = _Reading(METHOD, "", lambda: next(times_s), CALL_TIMEOUT_S)

    assert reading.terms().wait_s == 1.0  # of the second attempt, when the first has taken 29 s
    assert reading.terms().timeout_s == 0.0  # the stream itself has no bound
    assert reading.wait_s() == CALL_TIMEOUT_S  # for each item after the first
