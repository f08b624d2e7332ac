"""Methods are cancelled when their connection hangs up or their time is over; nothing else ever is."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.transport.conftest import descriptors
from weaverlab.clock import SystemClock
from weaverlab.errors import Cancelled
from weaverlab.transport import hangups
from weaverlab.transport.hangups import Watch, Watcher

LATER_S = 20.0  # from now: no deadline of these tests


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hangups, "GRACE_S", 0.0)


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    watcher.stop()


class Served:
    """A connection that is served by a thread, which runs one function after the other under watch."""

    def __init__(self, watcher: Watcher, *functions: Callable[[], object], timeout_s: float = LATER_S) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.outcomes: list[object] = []
        self._watcher, self._functions, self._timeout_s = watcher, functions, timeout_s
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def hang_up(self) -> None:
        self.theirs.close()

    def wait(self) -> list[object]:
        """Return what each function returned, or the type of what it raised."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.theirs.close()
        return self.outcomes

    def _serve(self) -> None:
        with self.ours:
            watch = self._watcher.watch(self.ours)
            for function in self._functions:
                try:
                    self.outcomes.append(watch.run(SystemClock.now_s() + self._timeout_s, function))
                except BaseException as error:
                    self.outcomes.append(type(error))
            self._watcher.forget(self.ours)


def spin() -> None:
    """Run until cancelled, as a method does that computes."""
    ends_s = time.monotonic() + 20
    while time.monotonic() < ends_s:
        pass


def test_a_method_is_cancelled_when_its_connection_hangs_up_and_so_are_those_that_would_follow(watcher):
    begun = threading.Event()
    served = Served(watcher, lambda: (begun.set(), spin()), lambda: "the next")
    assert begun.wait(5)

    served.hang_up()

    assert served.wait() == [Cancelled, Cancelled]


def test_a_method_is_cancelled_at_its_deadline_and_the_next_one_is_not(watcher):
    served = Served(watcher, spin, lambda: "the next", timeout_s=0.05)

    assert served.wait() == [Cancelled, "the next"]


def test_the_earliest_deadline_counts_whoever_came_first(watcher):
    release = threading.Event()
    patient = Served(watcher, lambda: release.wait(20), timeout_s=LATER_S)
    hurried = [Served(watcher, spin, timeout_s=timeout_s) for timeout_s in (0.2, 0.1, 0.15)]

    assert [served.wait() for served in hurried] == [[Cancelled]] * 3
    release.set()
    assert patient.wait() == [True]


def test_the_other_connections_are_left_alone(watcher):
    begun, release = threading.Semaphore(0), threading.Event()
    served = [Served(watcher, lambda: (begun.release(), release.wait(20))[1], lambda: "next") for _ in range(5)]
    for _ in served:
        assert begun.acquire(timeout=5)

    served[2].hang_up()
    time.sleep(0.05)  # for a mistake to show
    release.set()

    assert [each.wait() for each in served] == [[True, "next"]] * 2 + [[Cancelled, Cancelled]] + [[True, "next"]] * 2


def test_a_method_that_is_cancelled_can_clean_up_undisturbed(watcher):
    begun, cleaned = threading.Event(), []

    def method() -> None:
        try:
            begun.set()
            spin()
        finally:
            ends_s = time.monotonic() + 0.2
            while time.monotonic() < ends_s:  # its deadline passes meanwhile, too
                pass
            cleaned.append(True)

    served = Served(watcher, method, timeout_s=0.1)
    assert begun.wait(5)
    served.hang_up()

    assert served.wait() == [Cancelled]
    assert cleaned == [True]


def test_a_method_that_takes_no_notice_may_go_on(watcher):
    def method() -> str:
        try:
            spin()
        except Cancelled:
            return "no"
        return "never"

    assert Served(watcher, method, timeout_s=0.05).wait() == ["no"]


def test_shutting_our_own_half_is_no_hang_up_and_the_peers_end_after_it_is(watcher):
    begun, release = threading.Event(), threading.Event()

    def method() -> None:
        begun.set()
        release.wait(20)
        spin()

    served = Served(watcher, method)
    assert begun.wait(5)
    watcher.expect_drain(served.ours)
    served.ours.shutdown(socket.SHUT_RD)
    time.sleep(0.05)  # for a mistake to show
    assert served.outcomes == []
    release.set()
    served.hang_up()

    assert served.wait() == [Cancelled]


def test_breaking_a_connection_ourselves_ends_what_runs_for_it(watcher):
    begun = threading.Event()
    served = Served(watcher, lambda: (begun.set(), spin()))
    assert begun.wait(5)

    served.ours.shutdown(socket.SHUT_RDWR)

    assert served.wait() == [Cancelled]


def test_a_descriptor_that_belongs_to_another_connection_by_now_is_not_blamed(watcher):
    with watcher.lock:  # the event is there, but is not looked at yet
        ours, theirs = socket.socketpair()
        watch = Watch(watcher)
        watch.ends_s = SystemClock.now_s() + LATER_S
        watcher._watches[ours.fileno()] = watch

        watcher._look_at(ours.fileno(), SystemClock.now_s())

        assert not watch.has_hung_up
        del watcher._watches[ours.fileno()]
    ours.close()
    theirs.close()


def test_without_epoll_deadlines_are_kept_all_the_same(monkeypatch):
    monkeypatch.delattr(hangups.select, "epoll")
    watcher = Watcher()

    assert Served(watcher, spin, lambda: "next", timeout_s=0.05).wait() == [Cancelled, "next"]
    watcher.stop()


def test_a_watcher_that_was_stopped_disturbs_nobody_and_leaves_nothing():
    before = descriptors()
    watcher = Watcher()
    begun, release = threading.Event(), threading.Event()
    served = Served(watcher, lambda: (begun.set(), release.wait(20))[1], lambda: "next", timeout_s=0.3)
    assert begun.wait(5)

    watcher.stop()
    time.sleep(0.35)  # past the deadline
    release.set()

    assert served.wait() == [True, "next"]
    assert descriptors() == before


def test_what_has_been_raised_but_has_not_arrived_when_the_method_returns_is_taken_back(watcher):
    """A `for` loop over a pipe waits in C, and on its way out of a function the interpreter takes no step at which an
    exception could arrive: in Python 3.12 and later it would hit the code after the method."""
    reader, writer = os.pipe()
    begun = threading.Event()
    after: list[object] = []

    def method() -> object:
        begun.set()
        for line in lines:
            return line
        return None

    def serve() -> None:
        watch = watcher.watch(ours)
        try:
            with contextlib.suppress(Cancelled):
                watch.run(SystemClock.now_s() + LATER_S, method)
            for _ in range(100):
                after.append(os.getpid())
        except BaseException as error:
            after.append(error)
        watcher.forget(ours)

    ours, theirs = socket.socketpair()
    with open(reader, "rb") as lines, ours:
        thread = threading.Thread(target=serve)
        thread.start()
        assert begun.wait(5)
        watch = watcher._watches[ours.fileno()]
        theirs.close()
        while not watch.is_raised:
            time.sleep(0.001)
        os.write(writer, b"a line\n")
        thread.join(20)
    os.close(writer)

    assert after == [os.getpid()] * 100


PROFILED = """
import socket, sys, threading
from weaverlab.clock import SystemClock
from weaverlab.transport.hangups import Watcher

watcher = Watcher()
ours, theirs = socket.socketpair()
watch = watcher.watch(ours)
watch.is_cancelled = True  # as at a hang-up that came just before the method's window was shut
watch.run(SystemClock.now_s() + 20, len, ((),))
sys.setprofile(lambda *event: None)
(lambda: print("profiled"))()
sys.setprofile(None)
watcher.stop()
"""


def test_a_process_in_which_a_method_was_cancelled_can_be_profiled_and_traced() -> None:
    """Python 3.11 hangs when it is profiled after an exception was taken back that had been raised in a thread."""
    profiled = subprocess.run([sys.executable, "-c", PROFILED], capture_output=True, text=True, timeout=20)

    assert (profiled.stdout, profiled.stderr) == ("profiled\n", "")


class Racer:
    """Runs methods that end at about the moment of their cancellation: the next one takes longer after one that
    returned, and less long after one that was cancelled. Any exception that arrives elsewhere is kept as stray."""

    def __init__(self, watcher: Watcher, is_hanging_up: bool) -> None:
        self.outcomes = {"returned": 0, "cancelled": 0}
        self.stray: list[str] = []
        self._watcher, self._is_hanging_up = watcher, is_hanging_up
        self._steps = 100.0

    def race(self, count: int) -> None:
        for _ in range(count):
            outcome = self._one()
            self.outcomes[outcome] += 1
            self._steps = self._steps * 1.1 + 1 if outcome == "returned" else self._steps * 0.9

    def _one(self) -> str:
        ours, theirs = socket.socketpair()
        where = "before"
        try:
            watch = self._watcher.watch(ours)
            outcome = self._run(watch, theirs)
            where = "after"
            for _ in range(200):  # steps of the interpreter in which something late would arrive
                os.getpid()
            if not self._is_hanging_up:
                where = "in the next call of the connection"
                assert watch.run(math.inf, os.getpid) == os.getpid()
            self._watcher.forget(ours)
        except BaseException as error:
            self.stray.append(f"{where}: {error!r}")
        theirs.close()
        ours.close()
        return outcome

    def _run(self, watch: Watch, theirs: socket.socket) -> str:
        def method() -> None:
            if self._is_hanging_up:
                theirs.close()
            for _ in range(int(self._steps)):
                os.getpid()

        try:
            watch.run(SystemClock.now_s() + (LATER_S if self._is_hanging_up else 20e-6), method)
        except Cancelled:
            return "cancelled"
        return "returned"


@pytest.mark.parametrize("is_hanging_up", [True, False], ids=["hang up", "deadline"])
def test_calls_that_end_just_as_they_are_cancelled_never_hurt_what_comes_after(watcher, is_hanging_up):
    racers = [Racer(watcher, is_hanging_up) for _ in range(3)]
    threads = [threading.Thread(target=racer.race, args=(2000,)) for racer in racers]
    switch_interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # many threads interrupt each other in many places
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(50)
    finally:
        sys.setswitchinterval(switch_interval_s)

    for racer in racers:
        assert racer.stray == []
        assert sum(racer.outcomes.values()) == 2000
        assert min(racer.outcomes.values()) > 100, racer.outcomes  # it was a race
