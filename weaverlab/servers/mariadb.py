"""MariaDB: a primary, and replicas that follow it by GTID through proxies."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from weaverlab.servers.kind import DATABASE, USER, Heartbeat, Node, Shared
from weaverlab.servers.process import Launch
from weaverlab.servers.programs import path_of

if TYPE_CHECKING:
    from pymysql import Connection

TIMEOUT_S = 30.0  # a busy disk may keep a statement waiting
SEED_TIMEOUT_S = 60.0
NOT_THERE_YET = (1049, 1146)  # the database, the table: their creation is on its way to the replica

# Nothing waits for the disk: what a process has written survives its crash, what a machine has written need not.
QUICK = ("--debug-no-sync", "--innodb-flush-method=nosync", "--innodb-log-file-size=8M")
OPTIONS = (
    *QUICK,
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=2",
    "--performance-schema=OFF",
    "--log-bin=binlog",
    "--log-slave-updates",
    "--relay-log=relay",
    "--gtid-strict-mode=ON",
    "--slave-net-timeout=86400",  # the primary may be silent for as long as replication is paused
)

# Run at every start, so each line may be repeated. What concerns one server only stays out of the binary log.
ACCOUNT = f"""
SET sql_log_bin = 0;
CREATE DATABASE IF NOT EXISTS {DATABASE};
CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{{password}}';
GRANT ALL PRIVILEGES ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;
REVOKE READ_ONLY ADMIN ON *.* FROM '{USER}'@'127.0.0.1';
"""
FOLLOW = f"""
STOP SLAVE;
CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={{port}}, MASTER_USER='{USER}',
  MASTER_PASSWORD='{{password}}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1;
START SLAVE;
SET GLOBAL read_only = ON;
"""


class MariaDB:
    """A `kind.Kind`."""

    has_own_delay = False
    copies_primary = False
    shares_process = False

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def database(self, node: Node) -> str:
        return DATABASE

    def seed(self, node: Node) -> None:
        processes, data = self._shared.processes, node.folder / "data"
        processes.make_folder(node.folder)
        processes.make_folder(data)
        tool = (path_of("mariadb-install-db"), "--no-defaults", f"--datadir={data}")
        options = ("--auth-root-authentication-method=socket", "--skip-test-db")
        install = Launch((*tool, *options, *QUICK), environ=_own_temporary_folder(node))
        processes.run(install, f"{node.name}-install", SEED_TIMEOUT_S)
        processes.write(node.folder / "start.sql", self._start(node))

    def launch(self, node: Node) -> Launch:
        return Launch(
            (
                path_of("mariadbd"),
                "--no-defaults",
                f"--datadir={node.folder / 'data'}",
                f"--init-file={node.folder / 'start.sql'}",
                f"--socket={node.folder / 'socket'}",
                f"--pid-file={node.folder / 'pid'}",
                f"--port={node.port}",
                f"--server-id={node.number + 1}",
                *OPTIONS,
            ),
            environ=_own_temporary_folder(node),
        )

    def _start(self, node: Node) -> str:
        """Return what is run at each start; the server reads one statement a line."""
        password = self._shared.password
        follow = (
            FOLLOW.format(port=node.source_port, password=password).replace("\n  ", " ") if node.source_port else ""
        )
        return ACCOUNT.format(password=password) + follow

    def is_ready(self, node: Node, *, follows: bool) -> bool:
        import pymysql

        with contextlib.suppress(pymysql.Error), self._connected(node) as connection:
            return not follows or _is_following(connection)
        return False

    @contextlib.contextmanager
    def heartbeat(self, primary: Node, replicas: list[Node]) -> Iterator[Heartbeat]:
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(self._connected(node)) for node in (primary, *replicas)]
            with connections[0].cursor() as cursor:
                cursor.execute("CREATE DATABASE IF NOT EXISTS weaverlab")
                cursor.execute("CREATE TABLE IF NOT EXISTS weaverlab.heartbeat (id INT PRIMARY KEY, number BIGINT)")
            yield _Heartbeat(connections[0], connections[1:])

    def _connected(self, node: Node) -> Connection[Any]:
        import pymysql

        return pymysql.connect(
            host="127.0.0.1",
            port=node.port,
            user=USER,
            password=self._shared.password,
            autocommit=True,
            connect_timeout=TIMEOUT_S,
            read_timeout=TIMEOUT_S,
            write_timeout=TIMEOUT_S,
        )


class _Heartbeat:
    def __init__(self, primary: Connection[Any], replicas: list[Connection[Any]]) -> None:
        self._primary, self._replicas = primary, replicas

    def write(self, number: int) -> None:
        with self._primary.cursor() as cursor:
            cursor.execute("REPLACE INTO weaverlab.heartbeat VALUES (1, %s)", (number,))

    def seen(self, replica: int) -> int:
        import pymysql

        with self._replicas[replica].cursor() as cursor:
            try:
                cursor.execute("SELECT number FROM weaverlab.heartbeat WHERE id = 1")
            except pymysql.Error as error:
                if error.args[0] in NOT_THERE_YET:
                    return 0
                raise
            row = cursor.fetchone()
        return int(row[0]) if row else 0


def _is_following(connection: Connection[Any]) -> bool:
    import pymysql.cursors

    with connection.cursor(pymysql.cursors.DictCursor) as cursor:
        cursor.execute("SHOW SLAVE STATUS")
        status = cursor.fetchone() or {}
    return status.get("Slave_IO_Running") == status.get("Slave_SQL_Running") == "Yes"


def _own_temporary_folder(node: Node) -> dict[str, str]:
    """A server that starts removes all temporary tables that it finds, also those that another one is using."""
    return {"TMPDIR": str(node.folder)}
