"""Who waits for a server that cannot wait: one asks for all, in time, and nobody is left behind."""

from __future__ import annotations

import threading
import time

import pytest

from tests.stores.deployment import in_thread
from weaverlab.clock import SystemClock
from weaverlab.errors import DeadlineExceeded
from weaverlab.stores import polling
from weaverlab.stores.polling import PAUSE_S_MAX, SharedPoll


class Server:
    """Answers with how often it was asked, and when."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []
        self.lock = threading.Lock()

    def ask(self) -> int:
        assert self.lock.acquire(blocking=False), "two ask at the same time"
        self.asked_s.append(time.monotonic())
        self.lock.release()
        return len(self.asked_s)


def test_a_wait_ends_with_the_first_answer_that_is_enough():
    server = Server()

    assert SharedPoll(SystemClock).wait(server.ask, lambda answer: answer >= 3, 5.0) == 3
    assert len(server.asked_s) == 3


def test_a_wait_ends_in_time_with_an_answer_that_is_not_enough():
    server, began_s = Server(), time.monotonic()

    answer = SharedPoll(SystemClock).wait(server.ask, lambda answer: False, 0.05)

    assert answer == len(server.asked_s)
    assert 0.05 <= time.monotonic() - began_s < 1.0


def test_who_has_little_time_does_not_wait_for_who_asks_and_has_much():
    server, poll = Server(), SharedPoll(SystemClock)
    patient = in_thread(poll.wait, server.ask, lambda answer: False, 1.0)
    while not server.asked_s:
        time.sleep(0.001)

    began_s = time.monotonic()
    poll.wait(server.ask, lambda answer: False, 0.1)

    assert 0.1 <= time.monotonic() - began_s < 0.5
    patient.result(5)


def test_who_waits_for_who_asks_a_server_that_does_not_answer_ends_soon_after_its_time(monkeypatch):
    monkeypatch.setattr(polling, "LATE_S", 0.1)
    poll, asked, answer = SharedPoll(SystemClock), threading.Event(), threading.Event()

    def ask() -> int:
        asked.set()
        answer.wait(10)
        return 1

    patient = in_thread(poll.wait, ask, lambda answer: True, 5.0)
    assert asked.wait(5)

    with pytest.raises(DeadlineExceeded, match="not answered in time"):
        poll.wait(ask, lambda answer: True, 0.1)

    answer.set()
    assert patient.result(5) == 1


def test_fifty_that_wait_ask_hardly_more_often_than_one():
    server, poll = Server(), SharedPoll(SystemClock)
    ends_s = time.monotonic() + 0.3
    waiting = [in_thread(poll.wait, server.ask, lambda answer: time.monotonic() > ends_s, 5.0) for _ in range(50)]

    for one in waiting:
        one.result(5)

    assert len(server.asked_s) < 150  # fifty alone would ask some 30 times each


def test_pauses_grow_with_the_time_waited_up_to_a_limit():
    server = Server()

    SharedPoll(SystemClock).wait(server.ask, lambda answer: False, 0.3)

    pauses_s = [b - a for a, b in zip(server.asked_s, server.asked_s[1:], strict=False)]
    assert len(server.asked_s) < 80
    assert pauses_s[0] < PAUSE_S_MAX and max(pauses_s) > 0.01


def test_who_comes_later_does_not_wait_for_the_long_pause_of_who_came_first():
    server, poll = Server(), SharedPoll(SystemClock)
    first = in_thread(poll.wait, server.ask, lambda answer: False, 2.0)
    while len(server.asked_s) < 2 or server.asked_s[-1] - server.asked_s[-2] < PAUSE_S_MAX * 0.9:
        time.sleep(0.005)

    came_s = time.monotonic()
    poll.wait(server.ask, lambda answer: True, 5.0)

    assert time.monotonic() - came_s < PAUSE_S_MAX * 0.8
    first.result(5)


def test_an_answer_to_a_question_asked_before_somebody_came_is_not_theirs():
    entered, leave = threading.Event(), threading.Event()
    answers = iter(["old", "new"])

    def ask() -> str:
        answer = next(answers)
        if answer == "old":
            entered.set()
            assert leave.wait(5)
        return answer

    poll: SharedPoll[str] = SharedPoll(SystemClock)
    first = in_thread(poll.wait, ask, lambda answer: answer == "old", 5.0)
    entered.wait(5)
    second = in_thread(poll.wait, ask, lambda answer: True, 5.0)
    while len(poll._waiting) < 2:
        time.sleep(0.001)
    leave.set()

    assert (first.result(5), second.result(5)) == ("old", "new")


def test_an_exception_is_raised_for_who_asked_and_another_goes_on_asking():
    answers = iter([ConnectionError("gone"), "there"])
    both = threading.Barrier(2)

    def ask() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            both.wait(5)
            raise answer
        return answer

    poll: SharedPoll[str] = SharedPoll(SystemClock)
    waiting = [in_thread(poll.wait, ask, lambda answer: True, 5.0) for _ in range(2)]
    while len(poll._waiting) < 2:
        time.sleep(0.001)
    both.wait(5)

    done = [one.exception(5) or one.result() for one in waiting]
    assert sorted(map(str, done)) == ["gone", "there"]


def test_without_time_there_is_still_one_question():
    server = Server()

    assert SharedPoll(SystemClock).wait(server.ask, lambda answer: False, 0.0) == 1


@pytest.mark.parametrize("count", [2, 8])
def test_all_get_their_own_answer_whoever_asks(count):
    server, poll = Server(), SharedPoll(SystemClock)
    waiting = [in_thread(poll.wait, server.ask, lambda answer, n=n: answer >= 5 * n, 5.0) for n in range(count)]

    assert all(one.result(5) >= 5 * n for n, one in enumerate(waiting))
