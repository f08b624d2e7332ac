"""A group of servers while it runs: started in order, told to stop, to start again, to pause. One thread uses it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from weaverlab.errors import ServerError
from weaverlab.servers import lag
from weaverlab.servers.kind import Kind, Node, Shared
from weaverlab.servers.mariadb import MariaDB
from weaverlab.servers.postgres import Postgres
from weaverlab.servers.process import Processes, account_of, wait_until
from weaverlab.servers.programs import NEEDS
from weaverlab.servers.proxy import Proxies, Proxy
from weaverlab.servers.rabbitmq import RabbitMQ
from weaverlab.servers.redis import Redis
from weaverlab.servers.spec import Spec

READY_TIMEOUT_S = 60.0
REMOVE_ATTEMPTS_MAX = 20
_KINDS: dict[str, Callable[[Shared], Kind]] = {
    "redis": Redis,
    "mariadb": MariaDB,
    "postgres": Postgres,
    "rabbitmq": RabbitMQ,
}


class Servers:
    """The primary and the replicas of one group, in `folder`, which is theirs alone."""

    def __init__(self, spec: Spec, password: str, folder: Path) -> None:
        self.spec = spec
        self.folder = folder
        self.processes = Processes(folder, account_of(NEEDS[spec.kind].user))
        self.processes.give(folder)
        self.nodes: list[Node] = []
        self.kind = _KINDS[spec.kind](Shared(spec, self.processes, self.nodes, password))
        self.is_paused = False
        self._proxies = Proxies()
        self._proxy_of: dict[str, Proxy] = {}

    def start(self) -> None:
        """Start everything from nothing, and return when replicas follow. Raises ServerError."""
        primary = Node("primary", 0, self.folder / "primary", self.processes.free_port())
        self.nodes.append(primary)
        for number in range(1, self.spec.replicas + 1):
            name = f"replica-{number}"
            port = primary.port if self.kind.shares_process else self.processes.free_port()
            self.nodes.append(Node(name, number, self.folder / name, port, self.processes.free_port()))
            self._proxy_of[name] = self._proxies.start(self.nodes[-1].source_port, primary.port)
        self._begin(primary)
        if self.kind.copies_primary:
            self._wait_ready()
        if not self.kind.shares_process:
            for node in self.nodes[1:]:
                self._begin(node)
        self._wait_ready()
        self._wait_followed()
        self._apply_lag()

    def measure_lag(self) -> lag.MeasuredLag:
        """Measure how late replicas are now. Raises ServerError when they cannot show it."""
        if not self.spec.replicas:
            raise ServerError("a group without replicas has no lag")
        if self.is_paused:
            raise ServerError("replication is paused, so nothing arrives. Resume it first")
        if stopped := [node.name for node in self.nodes if node.process is None]:
            raise ServerError(f"{', '.join(stopped)} is stopped. Start it first")
        return self._measure(lag.BEATS)

    def pause(self) -> None:
        """Let nothing that is written from now on reach a replica."""
        self.is_paused = True
        for proxy in self._proxy_of.values():
            proxy.pause()

    def resume(self) -> None:
        self.is_paused = False
        for proxy in self._proxy_of.values():
            proxy.resume()

    def stop_node(self, name: str) -> None:
        """Stop one server in order; its data stay. Nothing happens when it is stopped."""
        node = self._node(name)
        if node.process is not None:
            node.process.stop()
            for one in self._sharing(node):
                one.process = None

    def start_node(self, name: str) -> None:
        """Start one server that was stopped, at the same address, with its data; return when replicas follow again."""
        node = self._node(name)
        if node.process is None:
            self._delay(0, 0)  # a connection begins with a dozen round trips
            try:
                self._launch(node)
                self._wait_ready()
                self._wait_followed()
            finally:
                self._apply_lag()

    def reseed_node(self, name: str) -> None:
        """Replace the data of a replica, which has lost them, by a new copy of the primary's."""
        node = self._node(name)
        if not node.number:
            raise ServerError("a primary is not seeded from anywhere; name a replica")
        self.stop_node(name)
        self.kind.seed(node)
        self.start_node(name)

    def remove(self) -> None:
        """End all processes and remove all files. May be called from another thread, while something else goes on."""
        self.processes.kill_all()
        for _ in range(REMOVE_ATTEMPTS_MAX):  # the other thread may be writing one more file
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                return

    def _begin(self, node: Node) -> None:
        self.kind.seed(node)
        self._launch(node)

    def _launch(self, node: Node) -> None:
        process = self.processes.start(self.kind.launch(node), node.name)
        for one in self._sharing(node):
            one.process = process

    def _sharing(self, node: Node) -> list[Node]:
        """Return the nodes that live and end with the process of `node`."""
        return self.nodes if self.kind.shares_process else [node]

    def _wait_ready(self) -> None:
        """Wait until all that run serve, and replicas follow their primary if they can reach it."""
        for node in self.nodes:
            if node.process is not None:
                is_ready = partial(self.kind.is_ready, node, follows=node.number > 0 and self._is_connected())
                wait_until(node.process, f"{self.spec.kind} {node.name}: getting ready", is_ready, READY_TIMEOUT_S)

    def _wait_followed(self) -> None:
        """Wait until what is written now arrives: replicas may take a broken connection for a good one for a while."""
        if self._is_connected() and self._following():
            self._measure(beats=1)

    def _measure(self, beats: int) -> lag.MeasuredLag:
        following = self._following()
        with self.kind.heartbeat(self.nodes[0], following) as heartbeat:
            return lag.measure(heartbeat, len(following), self.spec.lag_ms, beats)

    def _following(self) -> list[Node]:
        return [node for node in self.nodes[1:] if node.process is not None]

    def _is_connected(self) -> bool:
        return self.nodes[0].process is not None and not self.is_paused

    def _apply_lag(self) -> None:
        if not self.kind.has_own_delay:
            self._delay(self.spec.lag_ms, self.spec.jitter_ms)

    def _delay(self, lag_ms: float, jitter_ms: float) -> None:
        for proxy in self._proxy_of.values():
            proxy.delay(lag_ms, jitter_ms)

    def _node(self, name: str) -> Node:
        node = next(node for node in self.nodes if node.name == name)
        if node.number and self.kind.shares_process:
            raise ServerError(f"{name} is a part of the primary's process: stop and start the primary, and both are")
        return node
