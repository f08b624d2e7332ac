"""Blocking calls: what arrives, and what an error says about execution."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest

from tests.transport.conftest import ECHO, HOLD, RAISE, SECRET, UNPICKLABLE
from weaverlab.errors import (
    AuthenticationError,
    CallLost,
    CannotTravel,
    DeadlineExceeded,
    StoppedError,
    Unreachable,
)
from weaverlab.transport import SyncPool, patience, sockets
from weaverlab.wire import Kind, ServerHandshake, encode_notice, encode_reply
from weaverlab.wire.handshake import MESSAGE_BYTES


def test_a_call_returns_what_the_callee_returned_with_its_lineage(world):
    world.serve()

    reply = world.pool().call(ECHO, ("a", 1), 5.0, trace=b"t", lineage=b"l", metadata=b"m")

    assert (reply.ok, reply.value, reply.lineage) == (True, ("a", 1), b"lineage")


def test_arrays_and_large_bytes_arrive_writable_and_whole(world):
    world.serve()
    array, data = numpy.arange(1 << 17), os.urandom(1 << 20)

    for _ in range(2):  # the second on a connection that has carried a large frame
        returned = world.pool().call(ECHO, (array, data, [array[:10]]), 5.0).value
        returned[0][0] = 5

        assert array[0] == 0
        assert (returned[0][1:] == array[1:]).all()
        assert returned[1] == data
        assert returned[2][0].tolist() == list(range(10))


def test_calls_one_after_the_other_use_one_connection(world):
    server, pool = world.serve(), world.pool()

    for number in range(20):
        assert pool.call(ECHO, number, 5.0).value == number

    assert repr(server).endswith("sync=1, mux=0)")


def test_thirty_two_threads_get_their_own_answers(world):
    world.serve()
    pool = world.pool()

    def calls(caller: int) -> list[object]:
        return [pool.call(ECHO, (caller, number), 10.0).value for number in range(20)]

    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(calls, range(32)))

    assert answers == [[(caller, number) for number in range(20)] for caller in range(32)]


def test_a_late_answer_is_a_deadline_exceeded_that_may_have_executed(world):
    world.serve()
    pool = world.pool()

    with pytest.raises(DeadlineExceeded) as caught:
        pool.call(HOLD, (), 0.05)
    world.methods.release.set()

    assert caught.value.maybe_executed
    assert pool.call(ECHO, "next", 5.0).value == "next"  # not the late answer


def test_a_call_without_time_left_is_not_sent(world):
    world.serve()
    pool = world.pool()
    pool.call(ECHO, 1, 5.0)

    for timeout_s in (0.0, -1.0):
        with pytest.raises(DeadlineExceeded) as caught:
            pool.call(ECHO, 2, timeout_s)
        assert not caught.value.maybe_executed

    assert world.methods.executed == [1]


def test_a_listener_that_never_answers_the_handshake_is_unreachable(world):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()

        with pytest.raises(Unreachable):
            world.pool().call(ECHO, 1, 0.05)


def shake_hands_and_read_nothing_more(listener: socket.socket) -> socket.socket:
    sock, _ = listener.accept()
    handshake = ServerHandshake(SECRET, bytes(32))
    while not handshake.is_done:
        sock.sendall(handshake.receive(sock.recv(MESSAGE_BYTES)))
    return sock


def test_a_peer_that_does_not_take_the_call_is_noticed_at_the_deadline(world, in_thread):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()
        peer = in_thread(shake_hands_and_read_nothing_more, listener)
        with pytest.raises(DeadlineExceeded) as caught:
            world.pool().call(ECHO, (bytes(8 << 20),), 0.1)

        assert not caught.value.maybe_executed  # it lacks the end of the frame
        peer().close()


@pytest.fixture
def short_sleeps(monkeypatch):
    monkeypatch.setattr(patience, "ATTENTION_S", 0.02)


@pytest.mark.parametrize("may_give_up", [True, False])
def test_a_call_that_waits_for_a_peer_that_is_given_up_is_lost_if_it_may_be(
    world, in_thread, short_sleeps, may_give_up
):
    world.serve()
    pool = world.pool()
    outcome = in_thread(lambda: pool.call(HOLD, "held", 20.0, may_give_up=may_give_up))
    world.methods.entered.acquire(timeout=10)

    pool.is_given_up = True

    if may_give_up:
        error = outcome()
        assert isinstance(error, CallLost) and error.maybe_executed
        assert "another replica does" in str(error)
    else:
        with pytest.raises(Unreachable):
            while True:  # long enough for the held call to notice, too
                pool.call(ECHO, 1, 5.0)
        world.methods.release.set()
        assert outcome().value == "held"


def test_a_peer_that_is_given_up_gets_no_call_and_when_it_answers_again_it_does(world):
    world.serve()
    pool = world.pool()
    pool.is_given_up = True
    with pytest.raises(Unreachable) as caught:
        pool.call(ECHO, 1, 5.0)
    pool.is_given_up = False

    assert not caught.value.maybe_executed
    assert pool.call(ECHO, 2, 5.0).value == 2
    assert world.methods.executed == [2]


@pytest.mark.parametrize("backlog", [8, 0])
def test_whoever_connects_to_a_silent_peer_leaves_when_it_is_given_up(world, in_thread, short_sleeps, backlog):
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(world.path)
        listener.listen(backlog)  # it accepts nobody, as a stopped process does; with 0 there is room for one alone
        first.connect(world.path)
        pool = world.pool()
        outcome = in_thread(pool.call, ECHO, 1, 20.0)
        started_s = time.monotonic()

        pool.is_given_up = True

        error = outcome()
        assert isinstance(error, Unreachable) and not error.maybe_executed
        assert "another replica does" in str(error)
        assert time.monotonic() - started_s < sockets.HANDSHAKE_TIMEOUT_S


def test_a_call_that_a_given_up_peer_did_not_take_whole_was_not_executed(world, in_thread, short_sleeps):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()
        peer = in_thread(shake_hands_and_read_nothing_more, listener)
        pool = world.pool()
        outcome = in_thread(pool.call, ECHO, (bytes(8 << 20),), 20.0)
        sock = peer()
        sock.recv(1)  # the beginning of the call is there

        pool.is_given_up = True

        error = outcome()
        assert isinstance(error, Unreachable) and not error.maybe_executed
        sock.close()


def test_a_pool_that_ends_keeps_no_connection_and_disturbs_no_call(world, in_thread):
    server, pool = world.serve(), world.pool()
    outcome = in_thread(pool.call, HOLD, "held", 20.0)
    world.methods.entered.acquire(timeout=10)

    pool.close_when_idle()
    world.methods.release.set()

    assert outcome().value == "held"
    assert pool.call(ECHO, "late", 5.0).value == "late"
    assert repr(pool).endswith("idle=0)")
    server.stop(1.0)


@pytest.mark.parametrize("timeout_s", [1e-9, 0.5, float("inf")])
def test_any_positive_deadline_can_be_set(world, timeout_s):
    world.serve()
    pool = world.pool()
    pool.call(ECHO, 1, 5.0)

    try:
        assert pool.call(ECHO, 2, timeout_s).value == 2
    except DeadlineExceeded:
        assert timeout_s == 1e-9


def test_an_argument_that_cannot_be_pickled_fails_that_call_only(world):
    world.serve()
    pool = world.pool()

    with pytest.raises(CannotTravel, match="generator"):
        pool.call(ECHO, ((number for number in range(3)),), 5.0)

    assert pool.call(ECHO, 1, 5.0).value == 1
    assert world.methods.executed == [1]


def test_an_argument_that_is_too_large_fails_that_call_only(world):
    world.serve()
    pool = world.pool(max_frame_bytes=100_000)

    with pytest.raises(CannotTravel, match="at most 100,000"):
        pool.call(ECHO, (bytes(200_000),), 5.0)

    assert pool.call(ECHO, 1, 5.0).value == 1


@pytest.mark.parametrize("method", [UNPICKLABLE, RAISE])
def test_a_callee_that_cannot_answer_fails_that_call_only(world, method):
    world.serve()
    pool = world.pool()

    reply = pool.call(method, 1, 5.0)

    assert not reply.ok
    assert ("generator" if method == UNPICKLABLE else "ValueError: as asked") in reply.value
    assert reply.lineage == (b"lineage" if method == UNPICKLABLE else b"")
    assert pool.call(ECHO, 2, 5.0).value == 2


class Unloadable:
    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)


def test_an_argument_that_cannot_be_unpickled_is_an_error_reply(world):
    world.serve()
    pool = world.pool()

    reply = pool.call(ECHO, Unloadable(), 5.0)

    assert not reply.ok
    assert "CannotTravel" in reply.value
    assert pool.call(ECHO, 2, 5.0).value == 2


def test_nobody_there_is_unreachable(world):
    with pytest.raises(Unreachable, match="FileNotFoundError") as caught:
        world.pool().call(ECHO, 1, 5.0)

    assert not caught.value.maybe_executed


def test_another_deployments_secret_is_an_authentication_error(world):
    world.serve()

    with pytest.raises(AuthenticationError, match="did not prove"):
        world.pool(b"another deployment's secret     ").call(ECHO, 1, 5.0)


def test_a_pool_outlives_a_restart_of_its_peer(world):
    pool = world.pool()
    for number in range(3):
        server = world.serve()
        assert pool.call(ECHO, number, 5.0).value == number
        server.stop(1.0)

    assert world.methods.executed == [0, 1, 2]  # each exactly once


def test_the_time_that_a_broken_connection_took_is_not_there_for_the_next(world, in_thread, monkeypatch):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()
        peer = in_thread(answer_once_and_leave_late, listener)
        pool, left_s = world.pool(), []
        assert pool.call(ECHO, 1, 5.0).value == "answered"
        monkeypatch.setattr(pool, "_call_on_new_link", lambda call_id, pieces, timeout_s, *_: left_s.append(timeout_s))

        pool.call(ECHO, bytes(16 << 20), 5.0)  # of which the peer takes nothing before it leaves

        assert 0.0 < left_s[0] < 4.8
        peer()


def answer_once_and_leave_late(listener: socket.socket) -> None:
    with shake_hands_and_read_nothing_more(listener) as sock:
        sock.recv(1000)
        sock.sendall(encode_reply(1, True, b"", "answered")[0])
        time.sleep(0.3)


def answer_and_say_goodbye(listener: socket.socket, calls: int) -> bool:
    """Answer so many calls on one connection, the last one with a GOODBYE; return whether another came."""
    with shake_hands_and_read_nothing_more(listener) as sock:
        for call_id in range(1, calls + 1):
            sock.recv(1000)
            goodbye = encode_notice(Kind.GOODBYE, 0) if call_id == calls else b""
            sock.sendall(encode_reply(call_id, True, b"", "answered")[0] + goodbye)
        return bool(sock.recv(1000))


@pytest.mark.parametrize("calls", [1, 2], ids=["a new connection", "one that was idle"])
def test_a_goodbye_that_comes_with_an_answer_sends_the_next_call_elsewhere(world, in_thread, calls):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()
        peer = in_thread(answer_and_say_goodbye, listener, calls)
        pool = world.pool()

        for _ in range(calls):
            assert pool.call(ECHO, 1, 5.0).value == "answered"

        assert "idle=0" in repr(pool)
        assert not peer()  # which waits until the connection is closed


def test_a_stopped_peer_is_unreachable_and_nothing_was_executed(world):
    server, pool = world.serve(), world.pool()
    pool.call(ECHO, 1, 5.0)
    server.stop(1.0)

    with pytest.raises(Unreachable):
        pool.call(ECHO, 2, 5.0)

    assert world.methods.executed == [1]


def test_a_closed_pool_says_so(world):
    world.serve()
    pool = world.pool()
    pool.call(ECHO, 1, 5.0)
    pool.close()

    with pytest.raises(StoppedError):
        pool.call(ECHO, 1, 5.0)


def test_an_interrupt_in_the_middle_of_a_call_does_not_leave_its_answer_to_the_next(world):
    world.serve()
    pool = world.pool()
    pool.call(ECHO, 1, 5.0)

    def interrupt() -> None:
        world.methods.entered.acquire()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        pool.call(HOLD, "interrupted", 10.0)
    thread.join()
    world.methods.release.set()

    assert pool.call(ECHO, "next", 5.0).value == "next"


CHILD = """
import sys
from tests.transport.conftest import Methods
from weaverlab.transport import Server
methods = Methods()
server = Server(sys.argv[1], sys.argv[2].encode(), methods, print)
server.start()
print("ready", flush=True)
methods.entered.acquire()
print("entered", flush=True)
sys.stdin.read()
"""


def test_an_interrupt_that_does_not_wake_the_thread_is_noticed_all_the_same(world, short_sleeps):
    world.serve()
    pool = world.pool()

    def interrupt_from_another_thread() -> None:
        world.methods.entered.acquire(timeout=5)
        signal.raise_signal(signal.SIGINT)  # on this thread: the main one goes on sleeping in recv

    other = threading.Thread(target=interrupt_from_another_thread)
    other.start()
    started_s = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        pool.call(HOLD, None, 20.0)
    other.join()
    assert time.monotonic() - started_s < 10.0  # not only when the deadline has come


def test_deadlines_are_kept_by_calls_that_wait_longer_than_one_sleep(world, short_sleeps):
    world.serve()
    pool = world.pool()
    started_s = time.monotonic()

    with pytest.raises(DeadlineExceeded, match="no answer within"):
        pool.call(HOLD, None, 0.1)

    assert 0.1 <= time.monotonic() - started_s < 5.0
    assert pool.call(ECHO, 1, 5.0).value == 1


@pytest.mark.slow
def test_a_peer_killed_in_the_middle_of_a_call_is_a_call_lost_and_a_new_one_is_found(world, in_thread):
    command = [sys.executable, "-c", CHILD, world.address, SECRET.decode()]
    pool = world.pool()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        pool.call(ECHO, 1, 5.0)
        outcome = in_thread(pool.call, HOLD, (), 20.0)
        assert child.stdout.readline() == b"entered\n"
        child.kill()
        error = outcome()

    assert isinstance(error, CallLost)
    assert error.maybe_executed
    world.serve()  # replaces the socket file that the dead one left
    assert pool.call(ECHO, 2, 5.0).value == 2


def test_a_forked_child_opens_connections_of_its_own(world):
    world.serve()
    pool = world.pool()
    pool.call(ECHO, 1, 5.0)
    child = os.fork()
    if child == 0:
        os._exit(0 if "idle=0" in repr(pool) else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert "idle=1" in repr(pool)
    assert pool.call(ECHO, 2, 5.0).value == 2


def test_an_address_that_is_too_long_or_of_another_kind_is_named():
    with pytest.raises(ValueError, match="the path has 201 bytes, a UNIX socket's at most"):
        SyncPool("unix:/" + "x" * 200, SECRET).call(ECHO, 1, 1.0)
    with pytest.raises(ValueError, match="expected unix:/absolute/path"):
        SyncPool("tcp:localhost:1", SECRET).call(ECHO, 1, 1.0)
