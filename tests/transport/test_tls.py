"""Handshakes: who is let in, who is refused and why, and that nobody can hold one up."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from tests.transport.certificates import ANOTHER, AUTHORITY, tls_of
from weaverlab.clock import SystemClock
from weaverlab.deployers.authority import LIFETIME_S, Authority
from weaverlab.errors import AuthenticationError
from weaverlab.transport.patience import Patience, never
from weaverlab.transport.tls import Tls, _as_file, explained
from weaverlab.transport.tls_socket import Engine
from weaverlab.wire import Refused

Accept = Callable[[], object]


class Past(SystemClock):
    """What it says was true when certificates that end now were made."""

    @staticmethod
    def wall_s() -> float:
        return SystemClock.wall_s() - LIFETIME_S - 1


@contextmanager
def accepting(timeout_s: float = 5.0) -> Iterator[tuple[socket.socket, Accept]]:
    """Yield a client's plain socket, and what waits for the outcome at `B/0` at the other end: a peer or an error."""
    outcome: list[object] = []
    with ExitStack() as stack:
        client, server = (stack.enter_context(sock) for sock in socket.socketpair())
        client.settimeout(5)

        def accept() -> None:
            try:
                outcome.append(tls_of("B/0").accept(server, Patience(timeout_s, never))[1])
            except Exception as error:
                outcome.append(error)
                server.close()

        thread = threading.Thread(target=accept)
        thread.start()
        stack.callback(thread.join, 10)

        def wait() -> object:
            thread.join(10)
            return outcome[0]

        yield client, wait


def patience() -> Patience:
    return Patience(5.0, never)


def test_both_ends_know_each_other():
    with accepting() as (client, outcome):
        encrypted = tls_of("A/0").to("B/0").connect(client, patience())

        assert outcome() == "A/0"
        assert encrypted._engine.ssl.version() == "TLSv1.3"


def test_a_client_that_reaches_another_replica_than_it_wanted_leaves():
    with (
        accepting() as (client, _),
        pytest.raises(AuthenticationError, match="'C/0', but the certificate there says 'B/0'"),
    ):
        tls_of("A/0").to("C/0").connect(client, patience())


def test_a_client_refuses_a_server_of_another_version_and_says_so_to_it():
    with accepting() as (client, outcome):
        with pytest.raises(AuthenticationError, match="none of this version of this deployment"):
            tls_of("A/0", ANOTHER).to("B/0").connect(client, patience())

        refused = outcome()
    assert isinstance(refused, Refused)
    assert "it does not trust this end's certificate" in str(refused)


@contextmanager
def refused_client(context: ssl.SSLContext) -> Iterator[Callable[[], Refused]]:
    """Connect with `context`, which trusts the server; yield the server's verdict. The client learns of it, too."""
    with accepting() as (client, outcome):
        engine = Engine(context, is_server=False)
        with pytest.raises((AuthenticationError, EOFError)), explained():
            while not engine.shake():
                client.sendall(engine.take())
                engine.feed(client.recv(20_000))
            client.sendall(engine.take())
            while True:
                engine.feed(client.recv(20_000))
                if not engine.ssl.read(1):
                    raise EOFError

        def verdict() -> Refused:
            error = outcome()
            assert isinstance(error, Refused)
            return error

        yield verdict


def trusting() -> ssl.SSLContext:
    """Return the context of a client that believes in the server's authority, and has nothing to show."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=AUTHORITY.issue("A/0").authority_pem)
    return context


def showing(authority: Authority) -> ssl.SSLContext:
    """Return the same with a certificate of `authority`."""
    context, credentials = trusting(), authority.issue("A/0")
    with _as_file(credentials.certificate_pem) as certificate, _as_file(credentials.key_pem) as key:
        context.load_cert_chain(certificate, key)
    return context


def test_a_client_without_a_certificate_is_refused():
    with refused_client(trusting()) as verdict:
        assert str(verdict()) == "TLS: it has no certificate"


def test_a_client_with_a_certificate_of_another_authority_is_refused():
    with refused_client(showing(ANOTHER)) as verdict:
        assert "none of this version of this deployment" in str(verdict())


def test_a_client_whose_certificate_has_expired_is_refused():
    expired = Authority("test", "v1", Past)
    expired._key, expired._name = AUTHORITY._key, AUTHORITY._name  # as if it had signed a day ago

    with refused_client(showing(expired)) as verdict:
        assert "certificate has expired" in str(verdict())


def test_a_client_whose_certificate_is_of_this_authority_but_names_another_deployment_is_refused():
    strange = Authority("elsewhere", "v1", SystemClock)
    strange._key, strange._name = AUTHORITY._key, AUTHORITY._name

    with refused_client(showing(strange)) as verdict:
        assert "names no weavelet" in str(verdict())


def test_a_client_that_speaks_tls_1_2_is_refused():
    context = showing(AUTHORITY)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with refused_client(context) as verdict:
        assert str(verdict()) == "TLS: it does not speak TLS 1.3"


@pytest.mark.parametrize("greeting", [b"WVLB" + bytes(68), b"GET / HTTP/1.1\r\n\r\n", bytes(500), b"\xff" * 500])
def test_a_client_that_speaks_no_tls_is_refused(greeting):
    with accepting() as (client, outcome):
        client.sendall(greeting)
        refused = outcome()

    assert isinstance(refused, Refused)
    assert str(refused).startswith("TLS: ")


def test_a_client_that_sends_a_byte_at_a_time_is_cut_off_in_time():
    with accepting(timeout_s=0.2) as (client, outcome):
        engine = Engine(trusting(), is_server=False)
        engine.shake()
        hello, started_s = engine.take(), time.monotonic()
        ended = threading.Event()

        def trickle() -> None:
            for byte in hello:
                if ended.wait(0.05):
                    return
                try:
                    client.sendall(bytes([byte]))
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        cut_off = outcome()
        ended.set()
        thread.join(5)

    assert isinstance(cut_off, TimeoutError)
    assert time.monotonic() - started_s < 3.0


@pytest.mark.parametrize("count", range(0, 400, 23))
def test_a_client_that_leaves_in_the_middle_ends_the_handshake(count):
    with accepting() as (client, outcome):
        engine = Engine(trusting(), is_server=False)
        engine.shake()
        client.sendall(engine.take()[:count])
        client.close()

        assert isinstance(outcome(), (EOFError, OSError))


def test_no_reason_shows_a_key_or_a_certificate():
    with refused_client(showing(ANOTHER)) as verdict:
        text = str(verdict())

    assert "BEGIN" not in text and "PRIVATE" not in text


def test_new_credentials_are_used_from_then_on():
    tls = tls_of("A/0")
    tls.renew(replace(AUTHORITY.issue("A/1")))
    with accepting() as (client, outcome):
        tls.to("B/0").connect(client, patience())

        assert outcome() == "A/1"


def test_a_key_leaves_no_file_and_no_descriptor_behind(tmp_path, monkeypatch):
    import os
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))

    Tls(AUTHORITY.issue("A/0"))

    assert len(os.listdir("/proc/self/fd")) == before
    assert list(tmp_path.iterdir()) == []
