"""Binding a listener: every address that cannot be had is refused with what was seen and what to do."""

from __future__ import annotations

import errno
import os
import re
import socket

import pytest

from weaverlab.errors import DeployError
from weaverlab.runtime.listeners import ANY_FREE_PORT, bind
from weaverlab.transport import tcp


def greets(address: tuple[str, int], listening: socket.socket) -> bool:
    """Return whether who connects to `address` is taken by `listening`."""
    with socket.create_connection(address, 5) as client:
        connection, peer = listening.accept()
        connection.close()
        return peer[:2] == client.getsockname()[:2]


@pytest.mark.parametrize(
    ("address", "host"), [(ANY_FREE_PORT, "127.0.0.1"), ("localhost:0", "localhost"), ("0.0.0.0:0", "127.0.0.1")]
)
def test_a_listener_listens_at_a_free_port_of_the_host_it_was_given(address: str, host: str) -> None:
    listener = bind("web", address)

    with listener.socket as listening:
        assert listening.getsockname()[1] > 0
        assert greets((host, listening.getsockname()[1]), listening)
        assert str(listener) == listener.proxy_addr == listener.addr


def test_a_listener_listens_at_an_ipv6_address_in_brackets() -> None:
    listener = bind("web", "[::1]:0")

    with listener.socket as listening:
        assert listener.addr == f"[::1]:{listening.getsockname()[1]}"
        assert greets(("::1", listening.getsockname()[1]), listening)


def test_clients_are_sent_to_the_proxy_where_there_is_one() -> None:
    listener = bind("web", ANY_FREE_PORT, proxy_addr="127.0.0.1:8080")

    with listener.socket:
        assert str(listener) == listener.proxy_addr == "127.0.0.1:8080"
        assert listener.addr != "127.0.0.1:8080"


def test_an_address_that_is_in_use_is_refused_with_listener_address_key_and_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(DeployError) as refused:
            bind("web", address)

    assert str(refused.value) == (
        f"listener 'web': cannot listen on {address}: something already listens there. Stop it (`ss -ltnp` shows what "
        "it is), or take another port.\n"
        "Its address is the key 'web' in [listeners], [single.listeners] or [multi.listeners] of weaver.toml; "
        "port 0 is any free one."
    )


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("192.0.2.1:0", "cannot listen on 192.0.2.1:0: this machine has no such address. Take 127.0.0.1"),
        ("nonesuch.invalid:80", "the host name 'nonesuch.invalid' is not known"),
        (f"{'x' * 70}.invalid:80", "is not known"),
        ("127.0.0.1:65536", 'expected "host:port" with a port from 0 to 65535, such as "127.0.0.1:8080", saw'),
        ("127.0.0.1:http", 'expected "host:port"'),
        ("127.0.0.1", 'expected "host:port"'),
        (":8080", 'expected "host:port"'),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_the_reason(address: str, said: str) -> None:
    with pytest.raises(DeployError, match=r"^listener 'web': .*" + re.escape(said)):
        bind("web", address)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "this user may not listen on that port. Take one from 1024 on"),
        (errno.ENOBUFS, os.strerror(errno.ENOBUFS)),
    ],
)
def test_what_the_kernel_refuses_is_said_in_words(monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    class Refusing(socket.socket):  # root, and a container's user, may listen on every port
        def bind(self, address: object) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tcp.socket, "socket", Refusing)

    with pytest.raises(DeployError, match=re.escape(said)):
        bind("web", "127.0.0.1:80")
