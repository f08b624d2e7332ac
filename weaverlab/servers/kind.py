"""What the kinds of servers have in common: a node, and what one must know to run it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from weaverlab.servers.process import Launch, Process, Processes
from weaverlab.servers.spec import Spec

USER = DATABASE = "weaver"


@dataclass
class Node:
    """One server of a group: where it is, and its process while it runs."""

    name: str  # "primary", "replica-1", ...
    number: int  # 0 is the primary
    folder: Path
    port: int
    source_port: int = 0  # where a replica finds its primary: the port of its proxy
    process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Shared:
    """What the nodes of a group share; a kind is made from it."""

    spec: Spec
    processes: Processes
    nodes: list[Node]  # the primary, then replicas
    password: str = field(repr=False)


class Heartbeat(Protocol):
    """Writes numbers at the primary, and looks for the newest at each replica."""

    def write(self, number: int) -> None:
        """Return as soon as the primary has acknowledged it."""

    def seen(self, replica: int) -> int:
        """Return the newest number that is visible at replica 0, 1, ...; 0 for none."""


class Kind(Protocol):
    """How to run servers of one kind."""

    has_own_delay: bool  # a replica waits by itself, so that the proxy adds nothing
    copies_primary: bool  # a replica is seeded from its primary, which must serve by then
    shares_process: bool  # replicas are parts of the primary's process

    def database(self, node: Node) -> str:
        """Return which database of `node` users have for themselves."""

    def seed(self, node: Node) -> None:
        """Make `node.folder` what a first start needs, from nothing; a replica's primary runs already."""

    def launch(self, node: Node) -> Launch:
        """Return how to start it, now and again later."""

    def is_ready(self, node: Node, *, follows: bool) -> bool:
        """Return whether it serves clients, and, if it `follows`, whether it has reached its primary."""

    def heartbeat(self, primary: Node, replicas: list[Node]) -> contextlib.AbstractContextManager[Heartbeat]:
        """Yield what `lag.measure` measures with."""
