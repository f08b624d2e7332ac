"""Awaited calls, on asyncio's loop and on uvloop."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import numpy
import pytest

from tests.transport.conftest import ECHO, HOLD, RAISE, SECRET, UNPICKLABLE, descriptors
from weaverlab.errors import (
    AuthenticationError,
    CallLost,
    CannotTravel,
    DeadlineExceeded,
    StoppedError,
    Unreachable,
)
from weaverlab.transport import AsyncChannel, sockets, stream
from weaverlab.wire import Kind, ServerHandshake, encode_notice, encode_reply
from weaverlab.wire.handshake import MESSAGE_BYTES

LOOPS = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") else [])]


@pytest.fixture(params=LOOPS)
def run(request):
    """Run a coroutine on a loop of each kind."""

    def run(coroutine):
        if request.param == "uvloop":
            import uvloop

            loop = uvloop.new_event_loop()
        else:
            loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(asyncio.wait_for(coroutine, 20))
        finally:
            loop.close()

    return run


class Channel:
    """An AsyncChannel that is closed at the end of the block."""

    def __init__(self, world, secret: bytes = SECRET, **options: object) -> None:
        self.channel = AsyncChannel(world.address, secret, **options)

    async def __aenter__(self) -> AsyncChannel:
        return self.channel

    async def __aexit__(self, *_: object) -> None:
        self.channel.close()
        await asyncio.sleep(0)  # for callbacks that the closing scheduled


async def entered(world) -> None:
    await asyncio.to_thread(world.methods.entered.acquire)


def test_many_calls_at_once_get_their_own_answers_on_one_connection(world, run):
    server = world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            replies = await asyncio.gather(*(channel.call(ECHO, number, 5.0) for number in range(500)))

            assert [reply.value for reply in replies] == list(range(500))
            assert repr(server).endswith("sync=0, mux=1)")

    run(main())


def test_arrays_and_large_bytes_arrive_writable_and_whole(world, run):
    world.serve()
    array, data = numpy.arange(1 << 17), bytes(range(256)) * 4096

    async def main() -> None:
        async with Channel(world) as channel:
            replies = await asyncio.gather(*(channel.call(ECHO, (array, data, number), 10.0) for number in range(8)))
            for number, reply in enumerate(replies):
                returned = reply.value
                returned[0][0] = 5
                assert (returned[0][1:] == array[1:]).all()
                assert returned[1:] == (data, number)

    run(main())


def test_a_slow_call_does_not_hold_up_the_others(world, run):
    world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            slow = asyncio.ensure_future(channel.call(HOLD, "slow", 10.0))
            await entered(world)
            assert (await channel.call(ECHO, "fast", 5.0)).value == "fast"
            assert not slow.done()
            world.methods.release.set()
            assert (await slow).value == "slow"

    run(main())


def test_a_late_answer_is_a_deadline_exceeded_and_cancels_the_callee(world, run):
    world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            with pytest.raises(DeadlineExceeded) as caught:
                await channel.call(HOLD, (), 0.05)
            assert caught.value.maybe_executed
            assert await asyncio.to_thread(world.methods.cancelled.wait, 5)
            assert (await channel.call(ECHO, 1, 5.0)).value == 1

    run(main())


def test_time_that_runs_out_between_the_wait_and_the_call_is_a_deadline_exceeded(world, run, monkeypatch):
    world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            wait_ready = channel.wait_ready

            async def wait_ready_and_be_kept_from_running(ends_s: float) -> object:
                ready = await wait_ready(ends_s)
                while asyncio.get_running_loop().time() <= ends_s:
                    pass
                return ready

            monkeypatch.setattr(channel, "wait_ready", wait_ready_and_be_kept_from_running)
            with pytest.raises(DeadlineExceeded):
                await channel.call(HOLD, (), 0.05)

    run(main())


def test_deadlines_are_kept_in_the_order_of_time_not_of_calls(world, run):
    world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            order: list[float] = []

            async def call(timeout_s: float) -> None:
                with pytest.raises(DeadlineExceeded):
                    await channel.call(HOLD, (), timeout_s)
                order.append(timeout_s)

            await asyncio.gather(*(call(timeout_s) for timeout_s in (0.09, 0.03, 0.06)))
            assert order == [0.03, 0.06, 0.09]

    run(main())


def test_cancelling_the_caller_cancels_the_callee(world, run):
    world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            task = asyncio.ensure_future(channel.call(HOLD, (), 10.0))
            await entered(world)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(world.methods.cancelled.wait, 5)
            assert "in_flight=0" in repr(channel)
            assert (await channel.call(ECHO, 1, 5.0)).value == 1

    run(main())


def test_what_cannot_travel_fails_that_call_only(world, run):
    world.serve()

    async def main() -> None:
        async with Channel(world, max_frame_bytes=100_000) as channel:
            with pytest.raises(CannotTravel, match="generator"):
                await channel.call(ECHO, (number for number in range(3)), 5.0)
            with pytest.raises(CannotTravel, match="at most 100,000"):
                await channel.call(ECHO, bytes(200_000), 5.0)
            unpicklable, raised = await asyncio.gather(channel.call(UNPICKLABLE, 1, 5.0), channel.call(RAISE, 1, 5.0))
            assert (unpicklable.ok, unpicklable.lineage, "generator" in unpicklable.value) == (False, b"lineage", True)
            assert (raised.ok, raised.value) == (False, "ValueError: as asked")
            assert (await channel.call(ECHO, 1, 5.0)).value == 1

    run(main())


def test_a_broken_connection_fails_all_calls_in_flight_and_the_next_call_reconnects(world, run):
    server = world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            calls = [asyncio.ensure_future(channel.call(HOLD, (), 10.0)) for _ in range(3)]
            for _ in calls:
                await entered(world)
            await asyncio.to_thread(server.stop, 0.0)
            for error in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(error, CallLost)
                assert error.maybe_executed
            world.serve()
            assert (await channel.call(ECHO, 1, 5.0)).value == 1

    run(main())


def test_a_draining_server_answers_what_it_has_and_takes_nothing_new(world, run):
    server = world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            held = asyncio.ensure_future(channel.call(HOLD, "held", 10.0))
            await entered(world)
            stopping = asyncio.ensure_future(asyncio.to_thread(server.stop, 10.0))
            with pytest.raises(Unreachable):
                while True:  # until the goodbye is here
                    await channel.call(ECHO, 1, 5.0)
            world.methods.release.set()
            assert (await held).value == "held"
            await stopping

    run(main())


def test_nobody_there_is_unreachable_and_a_wrong_secret_is_refused(world, run):
    async def main() -> None:
        async with Channel(world) as channel:
            with pytest.raises(Unreachable, match="FileNotFoundError"):
                await channel.call(ECHO, 1, 5.0)
        world.serve()
        async with Channel(world, b"another deployment's secret     ") as channel:
            with pytest.raises(AuthenticationError, match="did not prove"):
                await channel.call(ECHO, 1, 5.0)

    run(main())


def test_a_caller_waits_while_too_much_is_queued_and_nothing_is_lost(world, run):
    world.serve()
    large = numpy.zeros(1 << 20)  # 8 MiB: one of them is more than may be queued

    async def main() -> None:
        async with Channel(world) as channel:
            replies = await asyncio.gather(*(channel.call(ECHO, (number, large), 20.0) for number in range(6)))
            assert [reply.value[0] for reply in replies] == list(range(6))

    run(main())


def test_a_call_without_time_left_is_not_sent(world, run):
    world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            with pytest.raises(DeadlineExceeded) as caught:
                await channel.call(ECHO, 1, 0.0)
            assert not caught.value.maybe_executed

    run(main())
    assert world.methods.executed == []


def test_a_closed_channel_fails_its_calls_and_says_so(world, run):
    world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            call = asyncio.ensure_future(channel.call(HOLD, (), 10.0))
            await entered(world)
            channel.close()
            with pytest.raises(CallLost):
                await call
            with pytest.raises(StoppedError):
                await channel.call(ECHO, 1, 5.0)

    run(main())


@contextmanager
def silent(world) -> Iterator[socket.socket]:
    """A listener of our own at the world's address."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(world.path)
        listener.listen()
        listener.setblocking(False)
        yield listener


async def accepted(listener: socket.socket) -> socket.socket:
    """Accept a caller, shake hands, and read nothing more."""
    loop = asyncio.get_running_loop()
    sock, _ = await loop.sock_accept(listener)
    handshake = ServerHandshake(SECRET, bytes(32))
    while not handshake.is_done:
        await loop.sock_sendall(sock, handshake.receive(await loop.sock_recv(sock, MESSAGE_BYTES)))
    return sock


def test_giving_a_peer_up_loses_the_calls_that_may_be_lost_and_no_other(world, run):
    world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            hopeful = asyncio.ensure_future(channel.call(HOLD, "held", 10.0))
            lost = asyncio.ensure_future(channel.call(HOLD, "lost", 10.0, may_give_up=True))
            await entered(world)
            await entered(world)

            channel.give_up(True)

            with pytest.raises(CallLost, match="another replica does") as caught:
                await lost
            assert caught.value.maybe_executed
            with pytest.raises(Unreachable):
                await channel.call(ECHO, "refused", 5.0)
            assert await asyncio.to_thread(world.methods.cancelled.wait, 5)
            world.methods.release.set()
            assert (await hopeful).value == "held"
            channel.give_up(False)
            assert (await channel.call(ECHO, "again", 5.0)).value == "again"

    run(main())
    assert world.methods.executed == ["held", "again"]


@pytest.mark.parametrize("how", ["give_up", "close"])
def test_calls_that_wait_for_a_connection_go_elsewhere_at_once(world, run, how):
    async def main(listener: socket.socket) -> None:
        async with Channel(world) as channel:
            calls = [asyncio.ensure_future(channel.call(ECHO, 1, 15.0)) for _ in range(3)]
            sock, _ = await asyncio.get_running_loop().sock_accept(listener)  # and be silent

            if how == "close":
                channel.close()
            else:
                channel.give_up(True)

            for error in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(error, StoppedError if how == "close" else Unreachable)
            sock.close()

    with silent(world) as listener:
        run(asyncio.wait_for(main(listener), sockets.HANDSHAKE_TIMEOUT_S))


def test_calls_that_wait_for_room_go_elsewhere_when_the_peer_is_given_up(world, run, monkeypatch):
    monkeypatch.setattr(stream, "QUEUED_BYTES_MAX", 1 << 20)

    async def main(listener: socket.socket) -> None:
        async with Channel(world) as channel:
            first = asyncio.ensure_future(channel.call(ECHO, bytes(16 << 20), 15.0, may_give_up=True))
            sock = await accepted(listener)
            while "in_flight=1" not in repr(channel):
                await asyncio.sleep(0)
            waiting = asyncio.ensure_future(channel.call(ECHO, 1, 15.0))
            await asyncio.sleep(0)

            channel.give_up(True)

            assert isinstance((await asyncio.gather(first, return_exceptions=True))[0], CallLost)
            with pytest.raises(Unreachable):
                await waiting
            sock.close()

    with silent(world) as listener:
        run(main(listener))


def test_what_a_peer_said_before_it_went_is_heard_by_who_first_notices_by_sending(world, run):
    async def main(listener: socket.socket) -> None:
        async with Channel(world) as channel:
            calls = [asyncio.ensure_future(channel.call(ECHO, number, 5.0)) for number in (1, 2)]
            sock = await accepted(listener)
            await asyncio.get_running_loop().sock_recv(sock, 1000)
            sock.send(encode_reply(1, True, b"", "answered")[0] + encode_notice(Kind.GOODBYE, 1))
            sock.close()

            with pytest.raises(Unreachable):  # sent in this turn of the loop, which reads in the next
                await channel.call(ECHO, 3, 5.0)

            answered, crossed = await asyncio.gather(*calls, return_exceptions=True)
            assert answered.value == "answered"
            assert isinstance(crossed, Unreachable)

    with silent(world) as listener:
        run(main(listener))


def test_a_call_whose_time_ran_out_in_the_queue_may_be_executed_yet(world, run):
    async def main(listener: socket.socket) -> None:
        async with Channel(world) as channel:
            call = asyncio.ensure_future(channel.call(ECHO, bytes(16 << 20), 0.2))
            sock = await accepted(listener)

            with pytest.raises(DeadlineExceeded) as caught:
                await call

            assert caught.value.maybe_executed
            sock.close()

    with silent(world) as listener:
        run(main(listener))


def test_a_channel_that_is_to_close_answers_what_it_has_first(world, run):
    server = world.serve()

    async def main() -> None:
        async with Channel(world) as channel:
            held = asyncio.ensure_future(channel.call(HOLD, "held", 10.0))
            await entered(world)
            channel.close_when_idle()
            world.methods.release.set()
            assert (await held).value == "held"
            while not repr(server).endswith("mux=0)"):
                await asyncio.sleep(0.001)

    run(main())


def test_a_channel_can_be_closed_after_its_loop(world, run):
    world.serve()

    async def main() -> AsyncChannel:
        channel = AsyncChannel(world.address, SECRET)
        await channel.call(ECHO, 1, 5.0)
        return channel

    channel = run(main())
    before = descriptors()

    channel.close()

    assert descriptors() < before  # the server, in this process too, may have closed its end by now


def test_a_server_runs_async_calls_on_the_loop_it_was_given(world, run):
    async def main() -> None:
        here = asyncio.get_running_loop()
        server = world.serve(loop=lambda: here)
        async with Channel(world) as channel:
            assert (await channel.call(ECHO, 1, 5.0)).value == 1
        await asyncio.to_thread(server.stop, 1.0)

    run(main())
