"""Stores over TLS, against servers of our own: who does not come with the right certificate is not spoken to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.stores.certificates import ADDRESS, Certificates, certificates
from tests.stores.conftest import SERVERS
from tests.stores.real import toml_of
from weaverlab.clock import unique_id
from weaverlab.config import parse
from weaverlab.errors import NotFoundError, StoreError
from weaverlab.servers.kind import USER
from weaverlab.servers.process import Launch
from weaverlab.servers.replication import Servers
from weaverlab.servers.spec import Spec
from weaverlab.stores import Antipode, Host, Pools, open_datastores

PASSWORD = "hunter2"
# How a server says that a connection is encrypted. Redis has a port of its own for those, and takes no others there.
ASKED = {
    "mariadb": "SHOW SESSION STATUS LIKE 'Ssl_version'",
    "postgres": "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
}


@dataclass
class Secure:
    """A server with a certificate, and the files of its authority and of another one."""

    kind: str
    port: int
    authority: str
    other_authority: str
    pools: Pools

    def posts(self, tls: object, host: str = ADDRESS) -> Antipode:
        section: dict[str, Any] = {
            "type": self.kind,
            "servers": {"eu": f"{host}:{self.port}"},
            "user": USER,
            "password": PASSWORD,
            "database": "0" if self.kind == "redis" else "weaver",
            "tls": tls,
        }
        configs = parse(toml_of(section)).antipode.values()
        return open_datastores(configs, None, Host(region="eu"), {}, self.pools).agent("posts")


@pytest.fixture(scope="module", params=SERVERS)
def secure(request: pytest.FixtureRequest) -> Iterator[Secure]:
    servers = Servers(Spec(request.param, replicas=0), PASSWORD, Path(tempfile.mkdtemp(prefix="wl-tls-", dir="/tmp")))
    port = servers.processes.free_port() if request.param == "redis" else 0
    ours, others = certificates(), certificates()
    launch = servers.kind.launch
    servers.kind.launch = lambda node: _with_tls(request.param, launch(node), servers.folder, port)
    pools = Pools()
    try:
        _write(servers, ours)
        (servers.folder / "other.pem").write_text(others.authority)
        servers.start()
        files = (str(servers.folder / name) for name in ("authority.pem", "other.pem"))
        yield Secure(request.param, port or servers.nodes[0].port, *files, pools)
    finally:
        pools.close()
        servers.remove()


def _write(servers: Servers, made: Certificates) -> None:
    for name, text in (("authority", made.authority), ("certificate", made.certificate), ("key", made.key)):
        servers.processes.write(servers.folder / f"{name}.pem", text)


def _with_tls(kind: str, launch: Launch, folder: Path, port: int) -> Launch:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if kind == "redis":
        settings = {"port": port, "cert-file": certificate, "key-file": key, "auth-clients": "no"}
        settings["ca-cert-file"] = folder / "authority.pem"
        lines = "".join(f"tls-{name} {value}\n" for name, value in settings.items())
        return replace(launch, stdin=launch.stdin + lines)
    words = {
        "mariadb": (f"--ssl-cert={certificate}", f"--ssl-key={key}"),
        "postgres": ("-c", "ssl=on", "-c", f"ssl_cert_file={certificate}", "-c", f"ssl_key_file={key}"),
    }[kind]
    return replace(launch, argv=(*launch.argv, *words))


def test_with_the_file_of_its_authority_a_server_is_written_to_and_read_over_tls(secure: Secure):
    posts, table = secure.posts(secure.authority), f"t{unique_id()}"

    posts.write(table, "1", "hello")

    assert posts.read(table, "1").value == "hello"
    assert posts.health().is_healthy
    if secure.kind in ASKED:
        store: Any = posts._datastore
        with store._operation("eu", "look") as connection:
            [row], _ = store._driver.run(connection, ASKED[secure.kind])
        assert str(row[-1]).startswith("TLSv1.")


@pytest.mark.parametrize("whose", ["another's", "the system's"])
def test_a_server_that_another_authority_has_signed_for_is_refused_and_nothing_is_written(secure: Secure, whose: str):
    table = f"t{unique_id()}"
    trusted, wrong = secure.posts(secure.authority), secure.posts(secure.other_authority if "other" in whose else True)
    trusted.write(table, "1", "hello")

    with pytest.raises(StoreError, match=r"certificate verify failed.*Check .* tls in \[antipode\.posts\]") as raised:
        wrong.write(table, "2", "hello")

    assert PASSWORD not in str(raised.value)
    assert not wrong.health().is_healthy
    with pytest.raises(NotFoundError):
        trusted.read(table, "2")


def test_a_certificate_for_another_address_is_refused(secure: Secure):
    with pytest.raises(StoreError, match=r"(?i)certificate .*(localhost|hostname mismatch)"):
        secure.posts(secure.authority, host="localhost").read("t", "1")


def test_a_file_that_holds_no_authority_is_an_error_and_no_wait(secure: Secure, tmp_path: Path):
    (tmp_path / "empty.pem").write_text("")

    with pytest.raises(StoreError, match=r"Check .* tls in \[antipode\.posts\]"):
        secure.posts(str(tmp_path / "empty.pem")).read("t", "1")
