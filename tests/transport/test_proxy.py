"""The proxy before replicas, over real sockets, on asyncio's loop and on uvloop's."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.transport.conftest import descriptors
from tests.transport.proxied import Replica, break_off, connect, receive
from weaverlab.errors import DeployError
from weaverlab.transport import LoopThread, proxy, relay
from weaverlab.transport import loop as loop_module
from weaverlab.transport.proxy import Proxy


class World:
    """A proxy, the replicas behind it, and the clients that connect to it."""

    def __init__(self, stack: ExitStack, loop: LoopThread) -> None:
        self.loop = loop
        self._stack = stack
        self.proxy = self.start_proxy("127.0.0.1:0")

    def start_proxy(self, address: str) -> Proxy:
        started = Proxy("web", address, self.loop)
        self._stack.callback(started.close, 0.0)
        return started

    def replica(self, host: str = "127.0.0.1") -> Replica:
        replica = Replica(host)
        self._stack.callback(replica.close)
        return replica

    def serve(self, replicas: int) -> list[Replica]:
        """Start replicas that get the proxy's connections."""
        started = [self.replica() for _ in range(replicas)]
        self.proxy.set_targets(replica.address for replica in started)
        return started

    def client(self, address: str = "") -> socket.socket:
        client = connect(address or self.proxy.addr)
        self._stack.callback(client.close)
        return client

    def pair(self, replica: Replica) -> tuple[socket.socket, socket.socket]:
        """Return a client and the replica's end of its connection, joined."""
        client, server = self.client(), replica.accept()
        client.sendall(b"-")  # until a byte has passed, the proxy may still take another replica
        assert receive(server, 1) == b"-"
        return client, server

    def settle(self) -> None:
        """Return when the proxy has done what it was told before."""
        self.loop.run(asyncio.sleep(0))


@pytest.fixture(params=["asyncio", "uvloop"])
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    if request.param == "asyncio":
        monkeypatch.setattr(loop_module, "_new_loop", asyncio.new_event_loop)
    with ExitStack() as stack:
        thread = LoopThread("proxy")
        stack.callback(thread.stop)
        yield World(stack, thread)


# Bytes and endings


def test_bytes_pass_both_ways(world: World) -> None:
    client, server = world.pair(*world.serve(1))

    client.sendall(b"question")
    server.sendall(b"answer, before the question is read")

    assert receive(server, 8) == b"question"
    assert receive(client, 35) == b"answer, before the question is read"


def test_a_client_that_has_said_everything_still_hears_the_answer(world: World) -> None:
    client, server = world.pair(*world.serve(1))

    client.sendall(b"all")
    client.shutdown(socket.SHUT_WR)
    assert receive(server, 100) == b"all"  # and then its end
    server.sendall(b"answer")
    server.close()

    assert receive(client, 100) == b"answer"


def test_a_server_that_has_said_everything_still_hears_the_client(world: World) -> None:
    client, server = world.pair(*world.serve(1))

    server.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""
    client.sendall(b"goodbye")
    client.close()

    assert receive(server, 100) == b"goodbye"


def test_an_end_comes_after_everything_that_was_said_before(world: World) -> None:
    client, server = world.pair(*world.serve(1))
    data = bytes(range(256)) * 40_000  # 10 MB, more than all buffers on the way

    sender = threading.Thread(target=lambda: (server.sendall(data), server.close()))
    sender.start()

    assert receive(client, len(data) + 1) == data
    sender.join()


def test_a_server_that_breaks_is_not_taken_for_one_that_ended(world: World) -> None:
    client, server = world.pair(*world.serve(1))

    break_off(server)

    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_a_client_that_breaks_breaks_the_connection_to_the_server(world: World) -> None:
    client, server = world.pair(*world.serve(1))

    break_off(client)

    with pytest.raises(ConnectionResetError):
        server.recv(1)


@pytest.mark.parametrize("who_is_slow", ["server", "client"])
def test_a_slow_reader_slows_the_writer_down_and_loses_nothing(world: World, who_is_slow: str) -> None:
    client, server = world.pair(*world.serve(1))
    writer, reader = (client, server) if who_is_slow == "server" else (server, client)
    piece, sent = bytes(1 << 20), 0
    writer.settimeout(0.3)

    with pytest.raises(TimeoutError):
        while sent < 256 << 20:
            sent += writer.send(piece)

    assert sent < 64 << 20  # what fits into the kernel's buffers, and one read of the proxy's
    writer.shutdown(socket.SHUT_WR)
    assert len(receive(reader, 256 << 20)) == sent


def test_a_client_that_keeps_a_connection_whose_server_ended_is_let_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LINGER_S", 0.05)
    _client, server = world.pair(*world.serve(1))

    server.shutdown(socket.SHUT_WR)

    assert receive(server, 1) == b""  # though the client has not ended


def test_a_client_that_goes_on_after_the_server_ended_is_not_let_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, server = world.pair(*world.serve(1))
    over: list[Callable[[], None]] = []
    monkeypatch.setattr(world.loop.loop, "call_later", lambda _, function, *args: over.append(lambda: function(*args)))
    server.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""

    client.sendall(b"a")
    assert receive(server, 1) == b"a"
    world.loop.loop.call_soon_threadsafe(over[0])
    world.settle()
    client.sendall(b"b")

    assert receive(server, 1) == b"b"


# Choosing a target


def test_connections_are_spread_evenly_and_go_where_others_have_ended(world: World) -> None:
    one, two = world.serve(2)
    pairs = [world.pair(one if i % 2 == 0 else two) for i in range(6)]  # accepting from the other would time out

    for client, server in pairs[1::2]:
        client.close()
        assert server.recv(1) == b""
        server.close()
    world.settle()

    for _ in range(3):
        world.pair(two)


def test_a_replica_that_refuses_is_passed_over_before_a_byte_is_lost(world: World) -> None:
    dead, alive = world.serve(2)
    dead.close()

    pairs = [world.pair(alive) for _ in range(4)]
    for number, (client, _) in enumerate(pairs):
        client.sendall(b"%d" % number)

    assert [receive(server, 1) for _, server in pairs] == [b"0", b"1", b"2", b"3"]


def test_a_replica_that_does_not_accept_is_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "CONNECT_TIMEOUT_S", 0.05)
    full, alive = world.serve(2)
    full.socket.listen(0)
    queued = connect(full.address)  # a queue of length 0 has room for one

    client, server = world.pair(alive)
    client.sendall(b"hello")

    assert receive(server, 5) == b"hello"
    queued.close()


def test_a_client_that_comes_while_no_replica_runs_waits_for_one(world: World) -> None:
    client = world.client()
    client.sendall(b"early")

    (replica,) = world.serve(1)

    assert receive(replica.accept(), 5) == b"early"


def test_a_client_that_comes_during_a_restart_waits_for_it(world: World) -> None:
    (replica,) = world.serve(1)
    host, port = replica.socket.getsockname()
    replica.close()

    client = world.client()
    client.sendall(b"early")
    world.settle()
    with socket.create_server((host, port)) as restarted:
        server, _ = restarted.accept()

    assert receive(server, 5) == b"early"
    server.close()


def test_a_client_is_turned_away_when_no_replica_comes_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(proxy, "PATIENCE_S", 0.05)

    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            world.client().recv(1)

    assert [record.getMessage() for record in caplog.records] == [
        f"Proxy('web', '{world.proxy.addr}', targets=[], connections=0): turned a client away: "
        "no target took the connection within 0.05 s"
    ]  # once for each time of want


def test_a_connection_to_itself_is_not_taken_for_a_replica(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = world.replica()
    dead.close()

    class Unlucky(socket.socket):  # given the very port that it is going to connect to
        def __init__(self, *args: int) -> None:
            super().__init__(*args)
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind(("127.0.0.1", int(dead.address.rpartition(":")[2])))

    monkeypatch.setattr(proxy.socket, "socket", Unlucky)

    assert world.loop.run(proxy._open(world.loop.loop, dead.address)) is None


# Changes


def test_removing_a_target_is_for_new_connections_and_those_it_has_go_on(world: World) -> None:
    (old,) = world.serve(1)
    client, server = world.pair(old)

    (new,) = world.serve(1)
    later = [world.pair(new) for _ in range(3)]

    client.sendall(b"still here")
    assert receive(server, 10) == b"still here"
    assert len(later) == 3


def test_a_target_that_is_removed_while_it_takes_a_connection_does_not_get_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,), new = world.serve(1), world.replica()
    world.settle()
    opened = proxy._open

    async def open_and_remove(loop: asyncio.AbstractEventLoop, address: str) -> socket.socket | None:
        sock = await opened(loop, address)
        world.proxy._set_targets((new.address,))
        return sock

    monkeypatch.setattr(proxy, "_open", open_and_remove)
    client = world.client()
    client.sendall(b"moved")

    assert receive(new.accept(), 5) == b"moved"
    assert old.accept().recv(1) == b""


def test_dropping_a_target_breaks_the_connections_that_it_has_not_ended(world: World) -> None:
    hung, other = world.serve(2)
    client, server = world.pair(hung)
    other_client, other_server = world.pair(other)

    world.proxy.set_targets([other.address])
    world.proxy.drop(hung.address)

    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionResetError):
        server.recv(1)
    other_client.sendall(b"untouched")
    assert receive(other_server, 9) == b"untouched"


def test_dropping_a_target_that_has_ended_its_connections_closes_them_properly(world: World) -> None:
    (ended,) = world.serve(1)
    client, server = world.pair(ended)
    server.sendall(b"last words")
    server.shutdown(socket.SHUT_WR)
    assert receive(client, 11) == b"last words"

    world.proxy.drop(ended.address)

    assert server.recv(1) == b""
    assert client.recv(1) == b""


def test_close_waits_for_open_connections_but_takes_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "PATIENCE_S", 0.05)
    (replica,) = world.serve(1)
    client, server = world.pair(replica)

    closing = threading.Thread(target=world.proxy.close, args=(20.0,))
    closing.start()
    while True:  # until the port is free, the proxy may still take one
        try:
            connect(world.proxy.addr).close()
        except ConnectionError:
            break
    client.sendall(b"question")
    assert receive(server, 8) == b"question"
    replica.close()
    client.close()

    closing.join(10)
    assert not closing.is_alive()


def test_close_breaks_off_what_does_not_end_and_turns_away_who_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "PATIENCE_S", 3600.0)
    (replica,) = world.serve(1)
    client, server = world.pair(replica)
    world.proxy.set_targets([])
    waiting = world.client()
    world.settle()

    world.proxy.close(0.05)
    world.proxy.close(0.05)

    for sock in (client, server, waiting):
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(world.proxy.addr)


def test_a_proxy_that_was_closed_with_its_loop_takes_no_notice_of_changes(world: World) -> None:
    world.proxy.close(0.0)
    world.loop.stop()

    world.proxy.set_targets(["127.0.0.1:1"])
    world.proxy.drop("127.0.0.1:1")
    world.proxy.close(0.0)

    with pytest.raises(ConnectionRefusedError):
        connect(world.proxy.addr)


# Addresses and limits


def test_clients_and_replicas_may_be_on_ipv6(world: World) -> None:
    started = world.start_proxy("[::1]:0")
    replica = world.replica("::1")

    started.set_targets([replica.address])
    client = world.client(started.addr)
    client.sendall(b"six")

    assert started.addr.startswith("[::1]:")
    assert receive(replica.accept(), 3) == b"six"


def test_an_address_that_is_in_use_is_refused(world: World) -> None:
    with pytest.raises(DeployError, match=f"listener 'web': cannot listen on {world.proxy.addr}: something already"):
        world.start_proxy(world.proxy.addr)


def test_two_thousand_connections_take_no_thread_and_leave_no_descriptor(world: World) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 10_000)), hard))
    threads = threading.active_count()
    before = descriptors()
    replicas = world.serve(2)

    pairs = [world.pair(replicas[i % 2]) for i in range(2000)]
    for client, server in pairs:
        client.sendall(b"ping")
        server.sendall(b"pong")

    assert all(receive(client, 4) + receive(server, 4) == b"pongping" for client, server in pairs)
    assert threading.active_count() == threads
    for pair in pairs:
        for sock in pair:
            sock.close()
    world.proxy.close(10.0)
    for replica in replicas:
        replica.close()
    assert descriptors() == before - 1  # its own is closed too
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_running_out_of_descriptors_makes_clients_wait_not_fail(world: World, caplog: pytest.LogCaptureFixture) -> None:
    (replica,) = world.serve(1)
    world.settle()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    host, _, port = world.proxy.addr.rpartition(":")
    with socket.socket() as client:
        lowest_free = os.dup(client.fileno())
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            client.settimeout(20)
            client.connect((host, int(port)))
            while "cannot accept a connection, trying again" not in caplog.text:
                world.settle()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        client.sendall(b"patient")

        assert receive(replica.accept(), 7) == b"patient"
