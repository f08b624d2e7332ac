"""Deployments with `[multi] mtls = true`: everything works as without, and nobody calls what they have no ref to."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest

import weaverlab as weaver
from tests.apps.gates import Archive, Desk, Front, Ledger, Lonely
from weaverlab import Deployment
from weaverlab.config import parse
from weaverlab.deployers import authority
from weaverlab.errors import AuthenticationError, ConfigError, NotPermitted, RemoteCallError
from weaverlab.runtime.calling import method_table
from weaverlab.runtime.failures import unpack
from weaverlab.runtime.logs import LogEntry
from weaverlab.transport import AsyncChannel, SyncPool
from weaverlab.transport.patience import Patience, never
from weaverlab.transport.streaming_async import open_async_stream
from weaverlab.transport.streaming_sync import open_sync_stream
from weaverlab.transport.terms import Terms
from weaverlab.transport.tls import PeerTls, Tls

pytestmark = pytest.mark.usefixtures("no_process_left")

MTLS = parse("[multi]\nmtls = true")
WITH_STORE = parse('[multi]\nmtls = true\n[antipode.posts]\ntype = "embedded-kv"')
ARRAY = numpy.arange(2 << 20, dtype=numpy.int64)  # 16 MiB
TIMEOUT_S = 10.0


class Log:
    """What a deployment has logged."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.grew = threading.Condition()

    def show(self, entry: LogEntry) -> None:
        with self.grew:
            self.messages.append(str(entry["message"]))
            self.grew.notify_all()

    def wait_for(self, words: str) -> str:
        """Return the first message with `words` in it."""

        def found() -> str:
            return next((message for message in self.messages if words in message), "")

        with self.grew:
            assert self.grew.wait_for(found, TIMEOUT_S), f"nobody logged {words!r}: {self.messages}"
            return found()


@pytest.fixture(scope="module")
def log() -> Log:
    return Log()


@pytest.fixture(scope="module")
def app(log: Log) -> Iterator[Deployment]:
    roots = (Front, Archive, Lonely)
    with weaver.deploy(*roots, config=WITH_STORE, replicas={Desk: 2}, show=log.show) as deployment:
        yield deployment


def certified(app: Deployment, replica: str) -> Tls:
    """Return the TLS that a weavelet of this name would have."""
    return Tls(app._version.backend._authority.issue(replica))  # type: ignore[attr-defined]


def secret_of(app: Deployment) -> bytes:
    return app._version.backend.door._placement.secret  # type: ignore[attr-defined]


def toward(app: Deployment, replica: str, caller: str) -> PeerTls:
    return certified(app, caller).to(replica)


def address_of(app: Deployment, replica: str) -> str:
    return next(one.address for one in app.replicas() if one.id == replica)


def number_of(app: Deployment, component: str, method: str) -> int:
    table = method_table(app._version.plan.app)
    return next(n for n, (name, spec) in enumerate(table) if (name, spec.name) == (component, method))


def test_calls_pass_through_several_weavelets(app):
    front = app.get(Front)

    assert front.echo("tiny") == "tiny"
    assert (front.echo(ARRAY) == ARRAY).all()
    assert asyncio.run(front.echo_async("tiny")) == "tiny"
    assert (asyncio.run(front.echo_async(ARRAY)) == ARRAY).all()


def test_a_component_reaches_its_datastore(app):
    assert app.get(Archive).keep("a", [1, 2]) == [1, 2]


def test_replicas_that_are_started_again_or_added_have_certificates_too():
    with weaver.deploy(Front, config=MTLS) as app:
        pid = app.get(Desk).ledger_pid()
        app.kill("Ledger/0")
        app.scale(Desk, 2)

        assert app.get(Desk).ledger_pid() != pid
        assert [app.get(Front).echo(number) for number in range(10)] == list(range(10))


@pytest.mark.parametrize(
    ("caller", "component", "method"),
    [
        ("Front/0", "Ledger", "entries"),
        ("Lonely/0", "Ledger", "entries"),
        ("Desk/1", "Desk", "ledger_pid"),
        ("Archive/0", "Control", "stop"),
        ("Desk/0", "EmbeddedStores", "read"),
        ("Nobody/0", "Ledger", "entries"),
    ],
)
@pytest.mark.parametrize("path", ["sync", "async"])
def test_a_weavelet_cannot_call_what_it_has_no_ref_to(app, log, caller, component, method, path):
    callee = "Lonely/0" if component == "Control" else f"{component}/0"
    where, number, tls = address_of(app, callee), number_of(app, component, method), toward(app, callee, caller)

    if path == "sync":
        pool = SyncPool(where, secret_of(app), tls=tls)
        reply = pool.call(number, (), TIMEOUT_S)
        pool.close()
    else:

        async def call() -> object:
            channel = AsyncChannel(where, secret_of(app), tls=tls)
            reply = await channel.call(number, (), TIMEOUT_S)
            channel.close()
            return reply

        reply = asyncio.run(call())
    error = unpack(reply.value)

    assert not reply.ok
    assert isinstance(error, NotPermitted)
    assert not error.maybe_executed
    assert f"{component}.{method} was refused to {caller}" in str(error)
    assert log.wait_for(f"refused a call: {caller} called {component}.{method}")


def test_streams_are_read_over_tls(app):
    ledger = app.get(Ledger)

    async def read() -> list[str]:
        return [line async for line in ledger.lines_async(500)]

    expected = [f"line {number}" * 100 for number in range(500)]
    assert list(ledger.lines(500)) == expected
    assert asyncio.run(read()) == expected


@pytest.mark.parametrize("path", ["sync", "async"])
def test_a_weavelet_cannot_read_a_stream_of_what_it_has_no_ref_to(app, log, path):
    where, tls = address_of(app, "Ledger/0"), toward(app, "Ledger/0", "Lonely/0")
    terms = Terms(TIMEOUT_S, TIMEOUT_S, b"", b"", b"", may_give_up=False)

    if path == "sync":
        pool = SyncPool(where, secret_of(app), tls=tls)
        stream = open_sync_stream(pool, number_of(app, "Ledger", "lines"), (5,), terms)
        end = stream.receive(TIMEOUT_S)
        stream.close()
        pool.close()
    else:

        async def read() -> object:
            channel = AsyncChannel(where, secret_of(app), tls=tls)
            stream = await open_async_stream(channel, number_of(app, "Ledger", "lines_async"), (5,), terms)
            end = await stream.receive(TIMEOUT_S)
            stream.close()
            channel.close()
            return end

        end = asyncio.run(read())

    assert not end.ok
    assert isinstance(unpack(end.value), NotPermitted)
    assert log.wait_for("refused a call: Lonely/0 called Ledger.lines")


def test_a_weavelet_can_call_what_it_has_a_ref_to(app):
    pool = SyncPool(address_of(app, "Ledger/0"), secret_of(app), tls=toward(app, "Ledger/0", "Desk/0"))

    reply = pool.call(number_of(app, "Ledger", "pid"), (), TIMEOUT_S)

    pool.close()
    assert reply.value == next(one.pid for one in app.replicas() if one.id == "Ledger/0")


def test_who_knows_the_secret_and_has_no_certificate_is_refused(app, log):
    pool = SyncPool(address_of(app, "Ledger/0"), secret_of(app))

    with pytest.raises(RemoteCallError):
        pool.call(0, (), 1.0)

    pool.close()
    log.wait_for("refused a connection: TLS: it does not speak TLS")


def test_who_has_a_certificate_and_does_not_know_the_secret_is_refused(app):
    pool = SyncPool(address_of(app, "Ledger/0"), bytes(32), tls=toward(app, "Ledger/0", "Desk/0"))

    with pytest.raises(AuthenticationError, match="secret"):
        pool.call(0, (), TIMEOUT_S)

    pool.close()


def test_no_key_is_in_an_argument_an_environment_a_repr_a_file_or_a_log(app, log):
    signer = app._version.backend._authority
    number = signer._key.private_numbers().private_value.to_bytes(32, "big")
    door = app._version.backend.door._placement

    for replica in app.replicas():
        for file in ("cmdline", "environ"):
            contents = Path(f"/proc/{replica.pid}/{file}").read_bytes()
            assert b"PRIVATE KEY" not in contents and number not in contents
    assert "PRIVATE" not in repr(door) + repr(signer) + repr(app)
    assert not any("PRIVATE" in message or "CERTIFICATE--" in message for message in log.messages)
    folder = Path(address_of(app, "Ledger/0").removeprefix("unix:")).parent
    assert all(path.is_socket() for path in folder.iterdir())


def test_a_new_version_has_a_new_authority_and_goes_on_where_the_old_one_was():
    with weaver.deploy(Front, config=MTLS) as app:
        old = certified(app, "Desk/0")
        app.get(Front).echo(1)

        app.redeploy(Front, config=MTLS)

        assert app.get(Front).echo(2) == 2
        pool = SyncPool(address_of(app, "Ledger/0"), secret_of(app), tls=old.to("Ledger/0"))
        with pytest.raises(AuthenticationError, match="none of this version"):
            pool.call(0, (), TIMEOUT_S)
        pool.close()


def test_certificates_are_renewed_while_calls_go_on(monkeypatch):
    monkeypatch.setattr(authority, "RENEWAL_S", 0.0)  # due whenever the deployer asks how they are
    with weaver.deploy(Desk, config=MTLS) as app:
        first = certificate_of(app, "Ledger/0")

        ends_s = time.monotonic() + TIMEOUT_S
        while certificate_of(app, "Ledger/0") == first:
            assert time.monotonic() < ends_s
            app.get(Desk).echo(1)

        assert app.get(Desk).echo(2) == 2


def certificate_of(app: Deployment, replica: str) -> bytes:
    """Return the certificate that a weavelet shows to who connects now."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(address_of(app, replica).removeprefix("unix:"))
        encrypted = toward(app, replica, "Desk/0").connect(sock, Patience(TIMEOUT_S, never))
        shown = encrypted._engine.ssl.getpeercert(binary_form=True)
        encrypted.close()
        return shown


def test_fakes_that_live_with_the_deployer_are_called_over_tls():
    ledger = Ledger()
    ledger.init()

    with weaver.deploy(Front, config=MTLS, fakes={Ledger: ledger}) as app:
        app.get(Front).echo("to the fake")

    assert ledger.entries() == ["to the fake"]


def test_spawned_processes_get_their_certificates_too():
    with weaver.deploy(Desk, config=parse('[multi]\nmtls = true\nstart_method = "spawn"')) as app:
        assert app.get(Desk).echo(1) == 1


def test_rpc_speaks_tls_as_well():
    with weaver.deploy(Front, config=MTLS, deployer="rpc") as app:
        assert app.get(Front).echo(1) == 1
        assert asyncio.run(app.get(Front).echo_async(2)) == 2
        assert app._version.backend._weavelets[0]._tls is not None


def test_single_has_no_connections_and_needs_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.delitem(sys.modules, "weaverlab.deployers.authority")

    with weaver.deploy(Front, config=MTLS, deployer="single") as app:
        assert app.get(Front).echo(1) == 1


@pytest.mark.parametrize("deployer", ["multi", "rpc"])
def test_a_missing_library_is_one_sentence_before_anything_starts(monkeypatch, deployer):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.delitem(sys.modules, "weaverlab.deployers.authority")

    with pytest.raises(ConfigError) as caught:
        weaver.deploy(Front, config=MTLS, deployer=deployer)

    assert str(caught.value) == (
        'weaver.toml: [multi] mtls: needs the library cryptography. Install it: pip install "weaverlab[tls]"'
    )


def test_a_process_that_does_not_use_it_does_not_import_the_library():
    script = "import sys, weaverlab, weaverlab.runtime.child; sys.exit('cryptography' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], timeout=30, check=False).returncode == 0
