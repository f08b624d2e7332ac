"""Both data paths over TLS: the same answers and errors as over plain sockets, and nothing to read in between."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import numpy
import pytest

from tests.transport.certificates import ANOTHER, AUTHORITY, tls_of
from tests.transport.conftest import ECHO, HOLD, RAISE, SECRET, World
from weaverlab.deployers.authority import Authority
from weaverlab.errors import AuthenticationError, CallLost, DeadlineExceeded, NotPermitted, RemoteCallError, Unreachable
from weaverlab.runtime.permissions import Gate
from weaverlab.transport import AsyncChannel, Server, SyncPool
from weaverlab.transport import server as server_module
from weaverlab.transport.tls import PeerTls

METHODS = [("Echo", name) for name in ("echo", "hold", "raise", "unpicklable", "ignore")] + [("Control", "stop")]
MAY_CALL = {"A": frozenset({"Echo"}), "Nobody": frozenset[str]()}
LARGE = numpy.frombuffer(os.urandom(16 << 20), dtype=numpy.uint8)
Call = Callable[..., object]


def serve(world: World, replica: str = "B/0", **options: object) -> Server:
    """Start a server that is replica B/0, and lets A call `Echo`."""
    world.refused: list[str] = []
    gate = Gate(tls_of(replica), world.methods, METHODS, MAY_CALL, world.refused.append)
    return world.serve(gate=gate, **options)


def toward_b(replica: str = "A/0", authority: Authority = AUTHORITY) -> PeerTls:
    return tls_of(replica, authority).to("B/0")


@pytest.fixture(params=["sync", "async"])
def client(request: pytest.FixtureRequest, world: World) -> Iterator[Callable[..., Call]]:
    """Make a function that calls, over a connection of its own: from a thread, or from an event loop."""
    with ExitStack() as stack:

        def sync(tls: PeerTls | None) -> Call:
            pool = SyncPool(world.address, SECRET, tls=tls)
            stack.callback(pool.close)
            return lambda method, args, timeout_s=10.0: pool.call(method, args, timeout_s).value

        def through_loop(tls: PeerTls | None) -> Call:
            loop = asyncio.new_event_loop()
            stack.callback(loop.close)

            async def open_channel() -> AsyncChannel:
                return AsyncChannel(world.address, SECRET, tls=tls)

            channel = loop.run_until_complete(open_channel())
            stack.callback(channel.close)

            async def call(method: int, args: object, timeout_s: float = 10.0) -> object:
                return (await channel.call(method, args, timeout_s)).value

            return lambda *args: loop.run_until_complete(call(*args))

        yield sync if request.param == "sync" else through_loop


def test_tiny_and_large_values_come_back_whole(world, client):
    serve(world)
    call = client(toward_b())

    for value in (1, "tiny", b"x" * 20_000, [LARGE[:100], LARGE[:300_000], b"y" * 130_000], "after"):
        assert repr(call(ECHO, (value,))) == repr((value,))
    assert (call(ECHO, (LARGE,))[0] == LARGE).all()


def test_many_calls_at_once_get_their_own_answers(world):
    serve(world)

    async def calls() -> list[object]:
        channel = AsyncChannel(world.address, SECRET, tls=toward_b())
        sizes = [1, 100, 17_000, 130_000, 200_000] * 20
        replies = await asyncio.gather(*(channel.call(ECHO, LARGE[:size], 20.0) for size in sizes))
        channel.close()
        return [len(reply.value) == size for reply, size in zip(replies, sizes, strict=True)]

    assert all(asyncio.run(calls()))


def test_a_burst_of_small_calls_that_fills_every_memory_on_the_way_is_answered(world):
    serve(world)

    async def calls() -> list[object]:
        channel = AsyncChannel(world.address, SECRET, tls=toward_b())
        replies = await asyncio.gather(*(channel.call(ECHO, "x" * 200 + str(n), 10.0) for n in range(3000)))
        channel.close()
        return [reply.value for reply in replies]

    assert asyncio.run(calls()) == ["x" * 200 + str(n) for n in range(3000)]


def test_uvloop_carries_it_as_well(world):
    import uvloop

    serve(world)
    loop = uvloop.new_event_loop()

    async def echo(value: object) -> object:
        channel = AsyncChannel(world.address, SECRET, tls=toward_b())
        reply = await channel.call(ECHO, value, 10.0)
        channel.close()
        return reply.value

    assert loop.run_until_complete(echo("tiny")) == "tiny"
    assert (loop.run_until_complete(echo(LARGE)) == LARGE).all()
    loop.close()


def test_a_method_that_raises_fails_and_the_connection_goes_on(world, client):
    serve(world)
    call = client(toward_b())

    assert call(RAISE, ()) == "ValueError: as asked"
    assert call(ECHO, "next") == "next"


def test_a_late_answer_is_a_deadline_exceeded_that_may_have_executed(world, client):
    serve(world)
    call = client(toward_b())

    with pytest.raises(DeadlineExceeded) as caught:
        call(HOLD, (), 0.1)
    world.methods.release.set()

    assert caught.value.maybe_executed
    assert call(ECHO, "next") == "next"


def test_a_server_that_stops_answers_what_it_has_and_says_goodbye(world, client, in_thread):
    server = serve(world)
    call = client(toward_b())
    outcome = in_thread(call, HOLD, "held")
    world.methods.entered.acquire()
    stopping = in_thread(server.stop, 10.0)
    world.methods.release.set()

    assert outcome() == "held"
    stopping()
    with pytest.raises(Unreachable):  # and so may be repeated
        call(ECHO, "late")
    serve(world)
    assert call(ECHO, "again") == "again"


@pytest.mark.parametrize(
    ("replica", "authority"), [("A/0", ANOTHER), ("A/0", Authority("elsewhere", "v1", AUTHORITY._clock))]
)
def test_a_peer_of_another_version_or_deployment_is_refused_before_anything_is_unpickled(
    world, client, replica, authority
):
    serve(world)

    with pytest.raises(AuthenticationError, match="none of this version of this deployment"):
        client(toward_b(replica, authority))(ECHO, 1)

    assert world.was_rejected.acquire(timeout=5)
    assert world.rejected[0].startswith("TLS: it does not trust this end's certificate")
    assert world.methods.executed == []


def test_a_server_that_is_another_replica_is_refused_by_its_client(world, client):
    serve(world, "C/0")

    with pytest.raises(AuthenticationError, match="expected replica 'B/0', but the certificate there says 'C/0'"):
        client(toward_b())(ECHO, 1)


def test_a_plain_client_is_refused_and_told_in_the_log(world, client):
    serve(world)

    with pytest.raises((Unreachable, AuthenticationError)):
        client(None)(ECHO, 1, 1.0)

    assert world.was_rejected.acquire(timeout=5)
    assert world.rejected[0].startswith("TLS: it does not speak TLS")
    assert world.methods.executed == []


def test_a_tls_client_of_a_plain_server_is_refused(world, client):
    world.serve()

    with pytest.raises((Unreachable, AuthenticationError)):
        client(toward_b())(ECHO, 1, 1.0)

    assert world.methods.executed == []


def test_the_secret_is_asked_for_within_tls_too(world):
    serve(world)
    pool = SyncPool(world.address, b"guess" * 8, tls=toward_b())

    with pytest.raises(AuthenticationError, match="secret"):
        pool.call(ECHO, 1, 5.0)

    pool.close()


def test_a_peer_that_sends_a_byte_at_a_time_is_cut_off_and_keeps_nobody_out(world, monkeypatch):
    monkeypatch.setattr(server_module, "HANDSHAKE_TIMEOUT_S", 0.2)
    serve(world)
    with socket.socket(socket.AF_UNIX) as slow:
        slow.settimeout(5)
        slow.connect(world.path)
        ended = threading.Event()

        def trickle() -> None:
            for byte in b"\x16\x03\x01\x02\x00\x01" + bytes(100):
                try:
                    slow.sendall(bytes([byte]))
                except OSError:
                    return
                if ended.wait(0.05):
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        pool = SyncPool(world.address, SECRET, tls=toward_b())
        assert pool.call(ECHO, 1, 5.0).value == 1
        assert world.was_rejected.acquire(timeout=5)
        ended.set()
        thread.join(5)
        pool.close()

    assert world.rejected == ["the client had not proved itself after 0.2 s"]


class Relay:
    """Stands between client and server; keeps what passes, and can cut both off."""

    def __init__(self, stack: ExitStack, world: World) -> None:
        self.address = f"unix:{world.directory}/relay"
        self.seen = {"there": bytearray(), "back": bytearray()}
        self._target = world.path
        self._listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        self._listener.bind(f"{world.directory}/relay")
        self._listener.listen()
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        stack.callback(self._stop)

    def cut(self) -> None:
        """End all connections as a broken link does: without TLS's own announcement."""
        for end in self._ends:
            end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._ends += [client, server]
            for source, target, way in ((client, server, "there"), (server, client, "back")):
                self._threads.append(threading.Thread(target=self._carry, args=(source, target, self.seen[way])))
                self._threads[-1].start()

    def _carry(self, source: socket.socket, target: socket.socket, seen: bytearray) -> None:
        try:
            while data := source.recv(65_536):
                seen += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for end in self._ends:
            end.close()


@pytest.fixture
def relay(world: World) -> Iterator[Relay]:
    with ExitStack() as stack:
        yield Relay(stack, world)


def call_through(relay: Relay, tls: PeerTls | None, path: str, value: object) -> object:
    if path == "sync":
        pool = SyncPool(relay.address, SECRET, tls=tls)
        try:
            return pool.call(ECHO, value, 10.0).value
        finally:
            pool.close()

    async def call() -> object:
        channel = AsyncChannel(relay.address, SECRET, tls=tls)
        try:
            return (await channel.call(ECHO, value, 10.0)).value
        finally:
            channel.close()

    return asyncio.run(call())


@pytest.mark.parametrize("path", ["sync", "async"])
def test_what_passes_on_the_way_cannot_be_read(world, relay, path):
    serve(world)
    secret_word = "a plain word that somebody might look for"

    assert call_through(relay, toward_b(), path, secret_word) == secret_word

    for seen in relay.seen.values():
        assert len(seen) > 500
        assert secret_word.encode() not in seen
        assert b"WVLB" not in seen  # nor our own handshake
        assert b"weaverlab://" not in seen  # nor, in TLS 1.3, who is talking


@pytest.mark.parametrize("path", ["sync", "async"])
def test_without_tls_it_can_be_read_there(world, relay, path):
    world.serve()
    secret_word = "a plain word that somebody might look for"

    call_through(relay, None, path, secret_word)

    assert all(secret_word.encode() in seen for seen in relay.seen.values())


@pytest.mark.parametrize("path", ["sync", "async"])
def test_a_call_whose_connection_is_cut_is_lost(world, relay, path, in_thread):
    serve(world)

    def hold() -> object:
        if path == "sync":
            pool = SyncPool(relay.address, SECRET, tls=toward_b())
            try:
                return pool.call(HOLD, 1, 10.0).value
            finally:
                pool.close()

        async def call() -> object:
            channel = AsyncChannel(relay.address, SECRET, tls=toward_b())
            try:
                return (await channel.call(HOLD, 1, 10.0)).value
            finally:
                channel.close()

        return asyncio.run(call())

    outcome = in_thread(hold)
    world.methods.entered.acquire()
    relay.cut()

    error = outcome()
    assert isinstance(error, CallLost)
    assert error.maybe_executed


def test_who_may_call_nothing_is_refused_without_being_executed_and_it_is_said_once(world, client):
    serve(world)
    call = client(toward_b("Nobody/3"))

    for _ in range(3):
        assert "NotPermitted: Echo.echo was refused to Nobody/3" in str(call(ECHO, (1,)))

    assert world.methods.executed == []
    assert world.refused == ["refused a call: Nobody/3 called Echo.echo, and nothing there has a ref to Echo"]


def test_an_unknown_group_and_an_unknown_method_are_refused(world, client):
    serve(world)

    assert "NotPermitted" in str(client(toward_b("Stranger/0"))(ECHO, (1,)))
    assert "NotPermitted" in str(client(toward_b())(99, (1,)))
    assert "NotPermitted" in str(client(toward_b())(5, (1,)))  # Control is the deployer's alone


def test_the_refusal_says_that_nothing_was_executed():
    error = NotPermitted("Echo.echo was refused")

    assert isinstance(error, RemoteCallError)
    assert not error.maybe_executed
    assert "was certainly not executed" in str(error)
