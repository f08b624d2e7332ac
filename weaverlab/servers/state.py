"""A group of servers at one moment, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weaverlab.servers.lag import MeasuredLag


@dataclass(frozen=True)
class Server:
    """One server of a group."""

    name: str  # "primary", "replica-1", ...
    address: str  # "127.0.0.1:34567"
    database: str  # "weaver"; a number in Redis, a virtual host in RabbitMQ


@dataclass(frozen=True)
class GroupState:
    """A group at one moment."""

    name: str
    kind: str
    servers: tuple[Server, ...]  # the primary first
    stopped: tuple[str, ...]  # the names of those that do not run
    is_paused: bool
    stays: bool  # it outlives whoever started it
    lag: MeasuredLag | None
    folder: str
    pid: int  # of its keeper

    @classmethod
    def of(cls, described: dict[str, Any]) -> GroupState:
        """Return what a keeper's description says, but for the password."""
        servers = tuple(Server(one["name"], one["address"], one["database"]) for one in described["servers"])
        return cls(
            described["name"],
            described["spec"]["kind"],
            servers,
            tuple(one["name"] for one in described["servers"] if not one["is_running"]),
            described["is_paused"],
            described["stays"],
            MeasuredLag(**described["lag"]) if described["lag"] else None,
            described["folder"],
            described["pid"],
        )
