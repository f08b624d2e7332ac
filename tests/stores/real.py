"""Stores on real servers, as two regions see them, and what an administrator does to such servers.

Every store has an id of its own, and every test a table of its own, so tests share the servers of a session.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from weaverlab.config import Config, parse
from weaverlab.servers import Group, Server
from weaverlab.stores import Antipode, Datastores, Host, Pools, open_datastores

REGIONS = ("eu", "us")  # the primary's, and the replica's


@dataclass
class Real:
    """A store on a group of servers. `posts(region)` is its agent there; `table` belongs to one test."""

    group: Group
    table: str
    pools: Pools = field(default_factory=Pools)

    @property
    def kind(self) -> str:
        return self.group.kind

    def config(self, **changes: Any) -> Config:
        return parse(toml_of({**self.group.section(REGIONS), **changes}))

    def datastores(self, region: str, config: Config | None = None, **host: Any) -> Datastores:
        configs = (config or self.config()).antipode.values()
        return open_datastores(configs, None, Host(region=region, **host), os.environ, self.pools)  # type: ignore[arg-type]

    def posts(self, region: str, config: Config | None = None, **host: Any) -> Antipode:
        return self.datastores(region, config, **host).agent("posts")


def toml_of(section: dict[str, Any], name: str = "posts") -> str:
    """Return a weaver.toml with one store; what is nested stands in the line of its key."""
    return f"[antipode.{name}]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in section.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(value)


def admin(group: Group, server: Server, *commands: str) -> list[Any]:
    """Return what a server answers to each command, as another program would ask: SQL, or words for Redis."""
    with _client(group, server) as run:
        return [run(command) for command in commands]


@contextlib.contextmanager
def writes_that_hang(group: Group, table: str) -> Iterator[None]:
    """Let the primary answer no write to `table` in this block, while it goes on with all else."""
    begin, end = {
        "redis": ("CLIENT PAUSE 60000 WRITE", "CLIENT UNPAUSE"),
        "mariadb": (f"LOCK TABLES `{table}` READ", "UNLOCK TABLES"),
        "postgres": (f'BEGIN; LOCK TABLE "{table}" IN SHARE MODE', "ROLLBACK"),
    }[group.kind]
    with _client(group, group.primary) as run:
        run(begin)
        yield
        run(end)


def cut_connections(group: Group) -> None:
    """End every connection of the primary that runs a statement, but ours."""
    if group.kind == "redis":
        admin(group, group.primary, "CLIENT KILL TYPE normal SKIPME yes")
    elif group.kind == "mariadb":
        [rows] = admin(group, group.primary, "SHOW PROCESSLIST")
        admin(group, group.primary, *(f"KILL {row[0]}" for row in rows if row[4] == "Query" and "SHOW" not in row[7]))
    else:
        admin(
            group,
            group.primary,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'",
        )


def give_rights(group: Group, weak: str, strong: str) -> None:
    """Make two users with password "x": one with the rights that docs/stores.md names, one with less."""
    if group.kind == "redis":
        for server in (group.primary, *group.replicas):
            admin(group, server, f"ACL SETUSER {strong} on >x ~* +hset +del +hmget +info +select")
            admin(group, server, f"ACL SETUSER {weak} on >x ~* +hset +del +hmget +select")
    elif group.kind == "mariadb":
        rights = "SELECT, INSERT, UPDATE, DELETE, CREATE ON weaver.*"
        users = (f"CREATE USER {name} IDENTIFIED BY 'x'" for name in (weak, strong))
        admin(group, group.primary, *users, f"GRANT {rights} TO {strong}")
    else:
        admin(
            group,
            group.primary,
            f"CREATE ROLE {strong} LOGIN PASSWORD 'x' IN ROLE pg_monitor",
            f"GRANT CREATE ON SCHEMA public TO {strong}",
            f"CREATE ROLE {weak} LOGIN PASSWORD 'x' IN ROLE pg_read_all_data",
        )


def prepare_promotion(group: Group) -> None:
    """Give our user a way to make the replica a primary; it reaches the replica as what is written before it does."""
    if group.kind == "mariadb":
        definer = "DEFINER = 'root'@'localhost'"
        admin(group, group.primary, f"CREATE {definer} PROCEDURE open_for_writes() SET GLOBAL read_only = OFF")


def promote(group: Group) -> None:
    """Make the replica a primary, as after the loss of the other."""
    commands = {
        "redis": ["REPLICAOF NO ONE"],
        "mariadb": ["STOP SLAVE", "RESET SLAVE ALL", "CALL open_for_writes()"],
        "postgres": ["SELECT pg_promote()"],
    }[group.kind]
    admin(group, group.replicas[0], *commands)


@contextlib.contextmanager
def _client(group: Group, server: Server) -> Iterator[Any]:
    host, port = server.address.split(":")
    if group.kind == "redis":
        import redis

        with redis.Redis(host, int(port), username=group.user, password=group.password) as client:
            yield lambda command: client.execute_command(*command.split(" "))
    elif group.kind == "mariadb":
        import pymysql

        with pymysql.connect(
            host=host, port=int(port), user=group.user, password=group.password, database="weaver", autocommit=True
        ) as connection:
            yield lambda command: _rows(connection.cursor(), command)
    else:
        import psycopg

        with psycopg.connect(
            host=host, port=int(port), user=group.user, password=group.password, dbname="weaver", autocommit=True
        ) as connection:
            yield lambda command: _rows(connection.cursor(), command)


def _rows(cursor: Any, command: str) -> list[Any]:
    cursor.execute(command)
    return list(cursor.fetchall()) if cursor.description else []
