"""Redis: a primary, and replicas that follow it through proxies. Its settings go in through standard input."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from weaverlab.servers.kind import USER, Heartbeat, Node, Shared
from weaverlab.servers.process import Launch
from weaverlab.servers.programs import path_of

TIMEOUT_S = 30.0
KEY = "weaverlab:heartbeat"
LAST_DATABASE = 15  # where no user looks; replicas follow all databases in one stream
# SIGTERM saves, as a server in production would, and does not wait for replicas; nothing is written in between. The
# connection to the primary may be silent for as long as replication is paused. A new replica is sent its copy at once,
# not after five seconds.
SETTINGS = """
bind 127.0.0.1
protected-mode yes
save 3600 1
repl-timeout 86400
repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-backlog-size 16mb
hz 100
shutdown-timeout 0
user default off
user {user} on >{password} ~* &* +@all
masteruser {user}
masterauth {password}
"""


class Redis:
    """A `kind.Kind`."""

    has_own_delay = False
    copies_primary = False
    shares_process = False

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def database(self, node: Node) -> str:
        return "0"

    def seed(self, node: Node) -> None:
        self._shared.processes.make_folder(node.folder)

    def launch(self, node: Node) -> Launch:
        settings = SETTINGS.format(user=USER, password=self._shared.password)
        settings += f"port {node.port}\ndir {node.folder}\n"
        if node.source_port:
            settings += f"replicaof 127.0.0.1 {node.source_port}\n"
        return Launch((path_of("redis-server"), "-"), stdin=settings)

    def is_ready(self, node: Node, *, follows: bool) -> bool:
        expected = "master_link_status:up" if follows else "role:"
        with contextlib.suppress(OSError), self._connected(node) as connection:
            return expected in connection.ask("INFO", "replication")
        return False

    @contextlib.contextmanager
    def heartbeat(self, primary: Node, replicas: list[Node]) -> Iterator[Heartbeat]:
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(self._connected(node)) for node in (primary, *replicas)]
            for connection in connections:
                connection.ask("SELECT", str(LAST_DATABASE))
            yield _Heartbeat(connections[0], connections[1:])

    @contextlib.contextmanager
    def _connected(self, node: Node) -> Iterator[_Connection]:
        with socket.create_connection(("127.0.0.1", node.port), TIMEOUT_S) as sock:
            connection = _Connection(sock)
            connection.ask("AUTH", USER, self._shared.password)
            yield connection


class _Heartbeat:
    def __init__(self, primary: _Connection, replicas: list[_Connection]) -> None:
        self._primary, self._replicas = primary, replicas

    def write(self, number: int) -> None:
        self._primary.ask("SET", KEY, str(number))

    def seen(self, replica: int) -> int:
        return int(self._replicas[replica].ask("GET", KEY) or 0)


class _Connection:
    """As much of Redis's protocol (RESP) as is needed here: commands of words, replies of one string."""

    def __init__(self, sock: socket.socket) -> None:
        self._stream = sock.makefile("rwb")

    def ask(self, *words: str) -> str:
        """Return the reply; "" for a value that is not there. Raises OSError."""
        encoded = [word.encode() for word in words]
        self._stream.write(b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in encoded))
        self._stream.flush()
        head = self._stream.readline().rstrip(b"\r\n").decode()
        if head.startswith("$"):
            length = int(head[1:])
            return "" if length < 0 else self._stream.read(length + 2)[:-2].decode()
        if not head or head.startswith("-"):
            raise OSError(f"Redis refused {words[0]}: {head[1:] or 'it has hung up'}")
        return head[1:]
