"""The delaying proxy alone: bytes arrive in order and late one way, at once the other."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weaverlab.servers.process import Processes
from weaverlab.servers.proxy import Proxies, Proxy

TIMEOUT_S = 10.0


@pytest.fixture(scope="module")
def proxies() -> Iterator[Proxies]:
    proxies = Proxies()
    yield proxies
    proxies.close()


def test_what_the_primary_says_is_late_and_what_the_replica_says_is_not(proxies, tmp_path):
    with _joined(proxies, tmp_path) as (proxy, replica, primary):
        proxy.delay(lag_ms=80, jitter_ms=0)

        replica.sendall(b"up")
        up_s = _until(primary, b"up")
        primary.sendall(b"down")
        down_s = _until(replica, b"down")

    assert up_s < 0.04
    assert 0.078 < down_s < 0.12


@settings(max_examples=15)
@given(st.lists(st.binary(min_size=1, max_size=2_000), min_size=1, max_size=30), st.floats(0, 4))
def test_the_stream_keeps_its_order_whatever_the_jitter(proxies, tmp_path_factory, chunks, jitter_ms):
    with _joined(proxies, tmp_path_factory.getbasetemp()) as (proxy, replica, primary):
        proxy.delay(lag_ms=4, jitter_ms=jitter_ms)

        for chunk in chunks:
            primary.sendall(chunk)
            time.sleep(0.0003)  # so that most are pieces of their own
        primary.shutdown(socket.SHUT_WR)

        assert _all_of(replica) == b"".join(chunks)


def test_much_more_than_may_be_on_its_way_arrives_whole(proxies, tmp_path, monkeypatch):
    monkeypatch.setattr("weaverlab.servers.proxy.LATE_BYTES_MAX", 256 * 1024)
    data = bytes(range(256)) * 40_000
    with _joined(proxies, tmp_path) as (proxy, replica, primary):
        proxy.delay(lag_ms=5, jitter_ms=0)
        sender = threading.Thread(target=lambda: (primary.sendall(data), primary.shutdown(socket.SHUT_WR)))
        sender.start()

        assert _all_of(replica) == data
        sender.join()


def test_nothing_passes_while_it_is_paused(proxies, tmp_path):
    with _joined(proxies, tmp_path) as (proxy, replica, primary):
        proxy.pause()
        primary.sendall(b"held")
        replica.settimeout(0.1)
        with pytest.raises(TimeoutError):
            replica.recv(1)
        replica.settimeout(TIMEOUT_S)

        proxy.resume()

        assert _until(replica, b"held") < 0.05


def test_an_end_is_as_late_as_what_came_before_it(proxies, tmp_path):
    with _joined(proxies, tmp_path) as (proxy, replica, primary):
        proxy.delay(lag_ms=50, jitter_ms=0)
        begin_s = time.monotonic()

        primary.sendall(b"last words")
        primary.close()

        assert _all_of(replica) == b"last words"
        assert time.monotonic() - begin_s > 0.048


def test_a_primary_that_is_not_there_closes_the_replicas_connection(proxies, tmp_path):
    processes = Processes(tmp_path, None)
    port = processes.free_port()
    proxies.start(port, processes.free_port())

    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as replica:
        assert _all_of(replica) == b""


def test_ports_lie_below_those_that_the_kernel_gives_away(tmp_path):
    processes = Processes(tmp_path, None)

    ports = [processes.free_port() for _ in range(50)]

    assert len(set(ports)) == 50
    assert max(ports) < 32_768


@contextlib.contextmanager
def _joined(proxies: Proxies, folder) -> Iterator[tuple[Proxy, socket.socket, socket.socket]]:
    """Yield a proxy and two sockets that it has joined: the replica's and the primary's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = Processes(folder, None).free_port()
        proxy = proxies.start(port, listener.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as replica:
            primary, _ = listener.accept()
            with primary:
                primary.settimeout(TIMEOUT_S)
                yield proxy, replica, primary


def _until(sock: socket.socket, expected: bytes) -> float:
    """Return after how many seconds `expected` has arrived."""
    begin_s = time.monotonic()
    received = b""
    while received != expected:
        received += sock.recv(len(expected) - len(received))
    return time.monotonic() - begin_s


def _all_of(sock: socket.socket) -> bytes:
    return b"".join(iter(lambda: sock.recv(65_536), b""))
