"""One value written at a server and read at another, in the words of each kind."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Iterator
from typing import Any

from weaverlab.servers import Group, Server


def write(group: Group, value: int) -> None:
    """Write `value` at the primary."""
    _WRITE[group.kind](group, value)


def read(group: Group, server: Server) -> int:
    """Return what `server` shows; 0 while it shows nothing."""
    return _READ[group.kind](group, server)


def wait_for(group: Group, server: Server, value: int, timeout_s: float = 10.0) -> float:
    """Wait until `server` shows `value`; return for how long, in seconds."""
    begin_s = time.monotonic()
    while read(group, server) != value:
        assert time.monotonic() < begin_s + timeout_s, f"{server} has not shown {value} within {timeout_s:g} s"
        time.sleep(0.002)
    return time.monotonic() - begin_s


def temporary_folder(group: Group, server: Server) -> str:
    """Return where a server of MariaDB has its temporary tables."""
    with _mariadb(group, server) as cursor:
        cursor.execute("SELECT @@tmpdir")
        return str(cursor.fetchone()[0])


def _redis(group: Group, server: Server) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    host, port = server.address.split(":")
    return redis.Redis(
        host=host, port=int(port), username=group.user, password=group.password, retry=Retry(NoBackoff(), 0)
    )


def _redis_write(group: Group, value: int) -> None:
    with _redis(group, group.primary) as client:
        client.set("value", value)


def _redis_read(group: Group, server: Server) -> int:
    with _redis(group, server) as client:
        return int(client.get("value") or 0)


@contextlib.contextmanager
def _mariadb(group: Group, server: Server) -> Iterator[Any]:
    import pymysql

    host, port = server.address.split(":")
    with pymysql.connect(
        host=host, port=int(port), user=group.user, password=group.password, database=server.database, autocommit=True
    ) as connection:
        yield connection.cursor()


def _mariadb_write(group: Group, value: int) -> None:
    with _mariadb(group, group.primary) as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS tests (value INT)")
        cursor.execute("INSERT INTO tests VALUES (%s)", (value,))


def _mariadb_read(group: Group, server: Server) -> int:
    import pymysql

    with _mariadb(group, server) as cursor, contextlib.suppress(pymysql.err.ProgrammingError):  # no such table yet
        cursor.execute("SELECT MAX(value) FROM tests")
        return int(cursor.fetchone()[0] or 0)
    return 0


@contextlib.contextmanager
def _postgres(group: Group, server: Server) -> Iterator[Any]:
    import psycopg

    host, port = server.address.split(":")
    with psycopg.connect(
        host=host, port=int(port), user=group.user, password=group.password, dbname=server.database, autocommit=True
    ) as connection:
        yield connection


def _postgres_write(group: Group, value: int) -> None:
    with _postgres(group, group.primary) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS tests (value INT)")
        connection.execute("INSERT INTO tests VALUES (%s)", (value,))


def _postgres_read(group: Group, server: Server) -> int:
    import psycopg

    with _postgres(group, server) as connection, contextlib.suppress(psycopg.errors.UndefinedTable):
        return int(connection.execute("SELECT MAX(value) FROM tests").fetchone()[0] or 0)
    return 0


@contextlib.contextmanager
def _rabbitmq(group: Group, server: Server) -> Iterator[Any]:
    """Yield a channel to `server`, with an exchange and a queue that keeps what is published there."""
    import pika

    host, port = server.address.split(":")
    login = pika.PlainCredentials(group.user, group.password)
    parameters = pika.ConnectionParameters(host, int(port), server.database, login)
    with contextlib.closing(pika.BlockingConnection(parameters)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.exchange_declare("tests", "fanout", durable=True)
        channel.queue_declare("tests", durable=True)
        channel.queue_bind("tests", "tests")
        yield channel


def _rabbitmq_write(group: Group, value: int) -> None:
    import pika

    _rabbitmq_link(group)
    with _rabbitmq(group, group.primary) as channel:
        channel.basic_publish("tests", "", str(value).encode(), pika.BasicProperties(delivery_mode=2))


@functools.cache
def _rabbitmq_link(group: Group) -> None:
    """Wait until what is published to the exchange reaches the replicas; before, it would be lost to them."""
    for server in group.replicas:
        with _rabbitmq(group, group.primary) as channel:
            while not _rabbitmq_read(group, server):
                channel.basic_publish("tests", "", b"-1")
                time.sleep(0.05)
        _newest.pop(server)


def _rabbitmq_read(group: Group, server: Server) -> int:
    with _rabbitmq(group, server) as channel:
        while (body := channel.basic_get("tests", auto_ack=True)[2]) is not None:
            _newest[server] = max(_newest.get(server, -1), int(body))
    return _newest.get(server, 0)


_newest: dict[Server, int] = {}  # what has been taken from queues

_WRITE = {"redis": _redis_write, "mariadb": _mariadb_write, "postgres": _postgres_write, "rabbitmq": _rabbitmq_write}
_READ = {"redis": _redis_read, "mariadb": _mariadb_read, "postgres": _postgres_read, "rabbitmq": _rabbitmq_read}
