"""Wrong arguments and missing programs: what is said, and that it is all said at once, before anything starts."""

from __future__ import annotations

import pytest

from weaverlab import servers
from weaverlab.errors import ConfigError, ServerError
from weaverlab.servers import programs


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"kind": "postgress"}, "kind 'postgress': there are no servers of this kind. Did you mean 'postgres'?"),
        ({"kind": "mongodb"}, "Known: redis, mariadb, postgres, rabbitmq"),
        ({"replicas": -1}, "replicas -1: expected a whole number from 0 to 8"),
        ({"replicas": True}, "replicas True: expected a whole number"),
        ({"lag_ms": "100ms"}, "lag_ms '100ms': expected milliseconds from 0 to 60000"),
        ({"lag_ms": float("nan")}, "lag_ms nan: expected milliseconds"),
        ({"jitter_ms": -1}, "jitter_ms -1: expected milliseconds"),
        ({"lag_ms": 10, "jitter_ms": 20}, "jitter_ms 20: the lag lies between lag - jitter and lag + jitter"),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_expected(arguments, says):
    with pytest.raises(ConfigError) as raised:
        servers.up(**{"kind": "redis", **arguments})

    assert says in str(raised.value)
    assert len(raised.value.faults) == 1


def test_all_wrong_arguments_are_told_at_once():
    with pytest.raises(ConfigError) as raised:
        servers.up("mysql", replicas=1.5, lag_ms=-1, jitter_ms=None)

    assert [fault.split()[0] for fault in raised.value.faults] == ["kind", "replicas", "lag_ms", "jitter_ms"]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("redis", ["redis-server not found", "apt-get install redis-server", "brew install redis"]),
        ("mariadb", ["mariadbd, mariadb-install-db not found", "apt-get install mariadb-server"]),
        ("postgres", ["postgres, initdb, pg_basebackup not found", "apt-get install postgresql"]),
        ("rabbitmq", ["rabbitmq-server, rabbitmqctl, erl, epmd not found", "apt-get install rabbitmq-server"]),
    ],
)
def test_what_a_machine_lacks_is_said_with_the_package_that_has_it(kind, says, monkeypatch):
    monkeypatch.setattr(programs, "_folders", lambda: [])

    with pytest.raises(ServerError) as raised:
        servers.up(kind)

    assert all(words in str(raised.value) for words in says)


def test_a_missing_client_is_said_together_with_missing_programs(monkeypatch):
    monkeypatch.setattr(programs, "_folders", lambda: [])
    monkeypatch.setattr(programs.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ServerError) as raised:
        servers.up("postgres")

    assert "initdb" in str(raised.value)
    assert "psycopg is not installed: pip install 'weaverlab[postgres]'" in str(raised.value)


def test_programs_are_found_where_debian_hides_them(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    assert programs.path_of("mariadbd") == "/usr/sbin/mariadbd"
    assert programs.path_of("initdb").startswith("/usr/lib/postgresql/")
    assert programs.path_of("rabbitmq-server") == "/usr/lib/rabbitmq/bin/rabbitmq-server"
