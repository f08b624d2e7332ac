"""A server ends by itself what its caller can no longer end: the caller is frozen, has hung up, or never was polite."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable

import pytest

from tests.transport.conftest import ECHO, HOLD, SECRET, World
from weaverlab.clock import SystemClock
from weaverlab.errors import Cancelled, DeadlineExceeded
from weaverlab.transport import Call, Reply, hangups, server_mux
from weaverlab.transport.hangups import of_this_thread
from weaverlab.transport.sockets import connect
from weaverlab.wire import Connection, Message, Mode, Role, encode_call


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (hangups, server_mux):
        monkeypatch.setattr(module, "GRACE_S", 0.01)


class Frozen:
    """A caller that sends calls, and then neither reads nor cancels anything until it is told to."""

    def __init__(self, world: World, mode: Mode) -> None:
        self.sock = connect(world.address, SECRET, mode, 5.0)
        self.sock.settimeout(5)
        self._connection = Connection(Role.CLIENT)

    def send(self, call_id: int, method: int, timeout_s: float, value: object = ()) -> None:
        head, rest = encode_call(call_id, method, timeout_s, b"", b"", b"", value)
        self.sock.sendall(b"".join((head, *rest)))

    def receive(self, count: int) -> dict[int, Message]:
        """Return the next `count` answers, by call."""
        answers: dict[int, Message] = {}
        while len(answers) < count:
            received = self.sock.recv_into(self._connection.reader.buffer)
            assert received, "the server has closed the connection"
            answers.update({message.call_id: message for message in self._connection.received(received)})
        return answers


class Working:
    """A handler whose blocking methods compute without end, run as the dispatcher runs them."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.ended: list[type] = []
        self.has_ended = threading.Semaphore(0)

    def call(self, call: Call) -> Reply:
        ends_s = SystemClock.now_s() + call.timeout_s
        try:
            return Reply(True, b"", of_this_thread.watch.run(ends_s, self._work, (call.args(),)))
        except Cancelled:
            return Reply(False, b"", "cancelled")

    async def call_async(self, call: Call) -> Reply:
        raise NotImplementedError

    def failure(self, call: Call, error: BaseException) -> object:
        return repr(error)

    def _work(self, is_endless: bool) -> str:
        self.begun.release()
        try:
            while is_endless:
                time.sleep(0.001)
        except BaseException as error:
            self.ended.append(type(error))
            self.has_ended.release()
            raise
        return "done"


def test_a_task_whose_time_is_over_is_cancelled_and_answered_though_its_caller_is_frozen(world):
    world.serve()
    caller = Frozen(world, Mode.MUX)
    caller.send(1, HOLD, 20.0)
    caller.send(2, HOLD, 0.05)
    caller.send(3, ECHO, 20.0, "in time")

    answers = caller.receive(2)
    assert answers[3].value == "in time"
    assert not answers[2].ok and DeadlineExceeded.__name__ in answers[2].value
    assert world.methods.cancelled.wait(5)
    world.methods.release.set()
    assert caller.receive(1)[1].ok
    caller.sock.close()


def test_deadlines_of_tasks_are_kept_in_the_order_of_time_not_of_calls(world):
    world.serve()
    caller = Frozen(world, Mode.MUX)
    order = []
    for call_id, timeout_s in enumerate((0.3, 0.1, 0.2), 1):
        caller.send(call_id, HOLD, timeout_s)

    while len(order) < 3:
        order += caller.receive(1)

    assert order == [2, 3, 1]
    caller.sock.close()


def test_a_blocking_method_whose_time_is_over_is_cancelled_though_its_caller_is_frozen(world):
    world.methods = working = Working()
    working.release = threading.Event()
    world.serve()
    caller = Frozen(world, Mode.SYNC)
    caller.send(1, 0, 0.05, True)

    answer = caller.receive(1)[1]
    assert (answer.ok, answer.value) == (False, "cancelled")
    assert working.ended == [Cancelled]
    caller.send(2, 0, 5.0, False)
    assert caller.receive(1)[2].value == "done"  # the connection and its thread are as good as before
    caller.sock.close()


@pytest.mark.parametrize("leave", [socket.socket.close, lambda sock: sock.shutdown(socket.SHUT_RDWR)])
def test_a_blocking_method_whose_caller_has_left_is_cancelled(world, leave: Callable[[socket.socket], None]):
    world.methods = working = Working()
    working.release = threading.Event()
    server = world.serve()
    leaving, staying = Frozen(world, Mode.SYNC), Frozen(world, Mode.SYNC)
    for caller in (leaving, staying):
        caller.send(1, 0, 20.0, True)
        assert working.begun.acquire(timeout=5)

    leave(leaving.sock)

    assert working.has_ended.acquire(timeout=5)
    assert working.ended == [Cancelled]
    assert not working.has_ended.acquire(timeout=0.1)  # the other goes on
    server.stop(0.0)
    assert working.has_ended.acquire(timeout=5)  # what a server does not wait for is cancelled as well
    leaving.sock.close()
    staying.sock.close()


def test_a_call_whose_caller_has_left_before_it_began_is_not_begun(world):
    world.methods = working = Working()
    working.release = threading.Event()
    server = world.serve()
    callers = [Frozen(world, Mode.SYNC) for _ in range(20)]
    for caller in callers:
        caller.send(1, 0, 20.0, True)
        caller.sock.close()

    ends_s = time.monotonic() + 5
    while "sync=0" not in repr(server):
        assert time.monotonic() < ends_s
        time.sleep(0.001)
    assert len(working.ended) <= len(callers)
    assert set(working.ended) <= {Cancelled}


async def test_a_task_that_takes_no_notice_is_answered_when_it_ends(world):
    """It counts as running until then."""

    class Stubborn(Working):
        async def call_async(self, call: Call) -> Reply:
            try:
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                self.has_ended.release()
            return Reply(True, b"", "all the same")

    world.methods = stubborn = Stubborn()
    stubborn.release = threading.Event()
    world.serve()
    caller = Frozen(world, Mode.MUX)
    caller.send(1, 0, 0.05)

    assert (await asyncio.to_thread(caller.receive, 1))[1].value == "all the same"
    caller.sock.close()
