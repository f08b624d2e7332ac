"""PostgreSQL: a primary, and standbys that stream from it. They wait by themselves before they show a transaction."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weaverlab.servers.kind import DATABASE, USER, Heartbeat, Node, Shared
from weaverlab.servers.process import Launch
from weaverlab.servers.programs import path_of

if TYPE_CHECKING:
    from psycopg import Connection

TIMEOUT_S = 30  # a busy disk may keep a statement waiting
SEED_TIMEOUT_S = 60.0
OWN_DATABASE = "postgres"  # for the heartbeat; it comes with every server

# Nothing waits for the disk: what a process has written survives its crash, what a machine has written need not. The
# other end may be silent for as long as replication is paused.
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "32MB",
    "fsync": "off",
    "full_page_writes": "off",
    "wal_sender_timeout": "0",
    "wal_receiver_timeout": "0",
    "wal_retrieve_retry_interval": "200ms",
}


class Postgres:
    """A `kind.Kind`."""

    copies_primary = True
    shares_process = False

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        # The standby's own delay knows no jitter; with it, the proxy is late instead.
        self.has_own_delay = not shared.spec.jitter_ms

    def database(self, node: Node) -> str:
        return DATABASE

    def seed(self, node: Node) -> None:
        processes, data = self._shared.processes, node.folder / "data"
        processes.make_folder(node.folder)
        if node.source_port:
            processes.write(node.folder / "password", f"127.0.0.1:*:*:{USER}:{self._shared.password}\n")
            source = f"host=127.0.0.1 port={node.source_port} user={USER} passfile={node.folder / 'password'}"
            tool = (path_of("pg_basebackup"), "--dbname", source, "--pgdata", str(data))
            options = ("--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync")
            processes.run(Launch((*tool, *options)), f"{node.name}-copy", SEED_TIMEOUT_S)
            return
        processes.write(node.folder / "password", self._shared.password)
        tool = (path_of("initdb"), "--pgdata", str(data), "--username", USER)
        options = (f"--pwfile={node.folder / 'password'}", "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale")
        processes.run(Launch((*tool, *options, "--no-sync")), f"{node.name}-initdb", SEED_TIMEOUT_S)
        alone = (path_of("postgres"), "--single", "-D", str(data), "-c", "fsync=off", OWN_DATABASE)
        processes.run(Launch(alone, stdin=f"CREATE DATABASE {DATABASE}\n"), f"{node.name}-database", SEED_TIMEOUT_S)

    def launch(self, node: Node) -> Launch:
        options = {**OPTIONS, "unix_socket_directories": str(node.folder)}
        if node.source_port and self.has_own_delay:
            options["recovery_min_apply_delay"] = f"{self._shared.spec.lag_ms:g}ms"
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        # Told to stop, it would wait for standbys that may be paused. At once is safe: all is in the log. Killed by
        # another signal it would leave shared memory behind.
        return Launch(
            (path_of("postgres"), "-D", str(node.folder / "data"), "-p", str(node.port), *settings),
            stop=signal.SIGQUIT,
            end=signal.SIGQUIT,
        )

    def is_ready(self, node: Node, *, follows: bool) -> bool:
        import psycopg

        with contextlib.suppress(psycopg.Error), self._connected(node, DATABASE) as connection:
            row = connection.execute("SELECT status FROM pg_stat_wal_receiver").fetchone()
            return not follows or row == ("streaming",)
        return False

    @contextlib.contextmanager
    def heartbeat(self, primary: Node, replicas: list[Node]) -> Iterator[Heartbeat]:
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(self._connected(node, OWN_DATABASE)) for node in (primary, *replicas)]
            connections[0].execute("CREATE TABLE IF NOT EXISTS heartbeat (id INT PRIMARY KEY, number BIGINT)")
            yield _Heartbeat(connections[0], connections[1:])

    def _connected(self, node: Node, database: str) -> Connection[Any]:
        import psycopg

        return psycopg.connect(
            host="127.0.0.1",
            port=node.port,
            user=USER,
            password=self._shared.password,
            dbname=database,
            autocommit=True,
            connect_timeout=TIMEOUT_S,
            options=f"-c statement_timeout={TIMEOUT_S}s",
        )


class _Heartbeat:
    def __init__(self, primary: Connection[Any], replicas: list[Connection[Any]]) -> None:
        self._primary, self._replicas = primary, replicas

    def write(self, number: int) -> None:
        self._primary.execute(
            "INSERT INTO heartbeat VALUES (1, %s) ON CONFLICT (id) DO UPDATE SET number = excluded.number", (number,)
        )

    def seen(self, replica: int) -> int:
        import psycopg

        with contextlib.suppress(psycopg.errors.UndefinedTable):  # its creation is on its way to the replica
            row = self._replicas[replica].execute("SELECT number FROM heartbeat").fetchone()
            return int(row[0]) if row else 0
        return 0
