"""RabbitMQ: one broker with a virtual host for each region, joined by federation through proxies.

    an exchange in virtual host weaver ──▶ proxy ──▶ the exchange of the same name in virtual host weaver-1, ...

A second broker would be a second Erlang machine: five seconds more to start, and nothing that clients could tell apart.
What is published to an exchange of the primary's virtual host reaches the one of the same name in a replica's, once
both are declared, a queue is bound to the latter, and the federation link between them has come up.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
from collections.abc import Iterator
from typing import Any

from weaverlab.clock import SystemClock, secret_bytes
from weaverlab.errors import ServerError
from weaverlab.servers.kind import DATABASE, USER, Heartbeat, Node, Shared
from weaverlab.servers.process import Launch
from weaverlab.servers.programs import path_of

TIMEOUT_S = 30
LINK_TIMEOUT_S = 30.0
LINK_LOOK_AGAIN_S = 0.05
EXCHANGE = "weaverlab.heartbeat"
FEDERATED = "^(?!amq\\.|federation: )"  # all exchanges but the broker's own

# Without heartbeats a link may be silent for as long as replication is paused.
SETTINGS = """
listeners.tcp.1 = 127.0.0.1:{port}
load_definitions = {definitions}
heartbeat = 0
log.file = false
log.console = true
log.console.level = warning
"""


class RabbitMQ:
    """A `kind.Kind`."""

    has_own_delay = False
    copies_primary = False
    shares_process = True

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._names_port = shared.processes.free_port()
        self._erlang_port = shared.processes.free_port()

    def database(self, node: Node) -> str:
        return f"{DATABASE}-{node.number}" if node.number else DATABASE

    def seed(self, node: Node) -> None:
        processes, folder = self._shared.processes, node.folder
        processes.make_folder(folder)
        definitions = folder / "definitions.json"
        processes.write(definitions, json.dumps(self._definitions(node)))
        processes.write(folder / "rabbitmq.conf", SETTINGS.format(port=node.port, definitions=definitions))
        processes.write(folder / "advanced.config", "[].\n")
        processes.write(folder / "plugins", "[rabbitmq_federation].\n")
        processes.write(folder / "environment", "")
        processes.write(folder / ".erlang.cookie", secret_bytes(20).hex())
        # Erlang's table of names: our own one, or the broker would start one that outlives it.
        names = (path_of("epmd"), "-address", "127.0.0.1", "-port", str(self._names_port))
        processes.start(Launch(names), "names")

    def launch(self, node: Node) -> Launch:
        folder = node.folder
        environ = {
            "HOME": str(folder),  # where the cookie is
            "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),  # else it would lie where the user works
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "environment"),
            "RABBITMQ_DIST_PORT": str(self._erlang_port),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_NODENAME": f"{USER}@localhost",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RUNNING_UNDER_SYSTEMD": "true",  # its script becomes the broker, instead of waiting for it
        }
        return Launch((path_of("rabbitmq-server"),), environ=environ)

    def is_ready(self, node: Node, *, follows: bool) -> bool:
        with contextlib.suppress(OSError):  # asked this way, as pika makes many words of a refused connection
            socket.create_connection(("127.0.0.1", node.port), TIMEOUT_S).close()
            return True
        return False

    @contextlib.contextmanager
    def heartbeat(self, primary: Node, replicas: list[Node]) -> Iterator[Heartbeat]:
        with contextlib.ExitStack() as stack:
            source, *targets = [stack.enter_context(self._channel(node)) for node in (primary, *replicas)]
            heartbeat = _Heartbeat(source, targets)
            heartbeat.wait_linked()
            yield heartbeat

    @contextlib.contextmanager
    def _channel(self, node: Node) -> Iterator[Any]:
        import pika

        parameters = pika.ConnectionParameters(
            host="127.0.0.1",
            port=node.port,
            virtual_host=self.database(node),
            credentials=pika.PlainCredentials(USER, self._shared.password),
            socket_timeout=TIMEOUT_S,
            stack_timeout=TIMEOUT_S,
            blocked_connection_timeout=TIMEOUT_S,
        )
        with contextlib.closing(pika.BlockingConnection(parameters)) as connection:
            yield connection.channel()

    def _definitions(self, primary: Node) -> dict[str, Any]:
        """Return what the broker makes when it starts: the account, the virtual hosts, and the links between these."""
        password, replicas = self._shared.password, self._shared.nodes[1:]
        hosts = [self.database(node) for node in self._shared.nodes]
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        return {
            "users": [{"name": USER, "password_hash": _hash(password), "tags": "administrator"}],
            "vhosts": [{"name": host} for host in hosts],
            "permissions": [{"user": USER, "vhost": host, **everything} for host in hosts],
            "parameters": [
                {
                    "vhost": self.database(node),
                    "component": "federation-upstream",
                    "name": "primary",
                    "value": {
                        "uri": f"amqp://{USER}:{password}@127.0.0.1:{node.source_port}/{DATABASE}?heartbeat=0",
                        "reconnect-delay": 1,
                    },
                }
                for node in replicas
            ],
            "policies": [
                {
                    "vhost": self.database(node),
                    "name": "federation",
                    "pattern": FEDERATED,
                    "apply-to": "exchanges",
                    "definition": {"federation-upstream": "primary"},
                }
                for node in replicas
            ],
        }


class _Heartbeat:
    def __init__(self, primary: Any, replicas: list[Any]) -> None:
        self._primary, self._replicas = primary, replicas
        self._newest = [0] * len(replicas)
        for channel in (primary, *replicas):
            channel.exchange_declare(EXCHANGE, "fanout")  # it stays, and so do the links that begin at it
        self._queues = [channel.queue_declare("", exclusive=True).method.queue for channel in replicas]
        for channel, queue in zip(replicas, self._queues, strict=True):
            channel.queue_bind(queue, EXCHANGE)
        primary.confirm_delivery()

    def write(self, number: int) -> None:
        self._primary.basic_publish(EXCHANGE, "", str(number).encode())

    def seen(self, replica: int) -> int:
        while (body := self._replicas[replica].basic_get(self._queues[replica], auto_ack=True)[2]) is not None:
            self._newest[replica] = max(self._newest[replica], int(body))
        return self._newest[replica]

    def wait_linked(self) -> None:
        """Wait until what is published arrives: a link comes up when its exchange is declared, and learns of queues."""
        ends_s = SystemClock.now_s() + LINK_TIMEOUT_S
        waiting = set(range(len(self._replicas)))
        while waiting:
            if SystemClock.now_s() > ends_s:
                raise ServerError(f"a federation link has not come up within {LINK_TIMEOUT_S:g} s")
            self.write(0)
            SystemClock.sleep(LINK_LOOK_AGAIN_S)
            waiting = {replica for replica in waiting if self._gets(replica) is None}

    def _gets(self, replica: int) -> bytes | None:
        body: bytes | None = self._replicas[replica].basic_get(self._queues[replica], auto_ack=True)[2]
        return body


def _hash(password: str) -> str:
    """Return a password as RabbitMQ keeps it: salted SHA-256."""
    salt = secret_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
