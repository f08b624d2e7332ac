"""What a group of real servers does, whatever its kind."""

from __future__ import annotations

import dataclasses
import itertools
import os
import socket
from pathlib import Path

import pytest

from tests.servers.clients import read, temporary_folder, wait_for, write
from tests.servers.conftest import LAG_MS
from weaverlab import servers
from weaverlab.errors import ConfigError, ServerError
from weaverlab.servers import Group, MeasuredLag, Server

TOLERANCE_MS = 15
BUSY_MS = 200  # what a machine that runs other tests beside this one may add to a single write
values = itertools.count(1)


def test_the_lag_is_what_was_asked_for(group):
    lag = _measured(group)

    assert lag.median_ms == pytest.approx(LAG_MS, abs=TOLERANCE_MS)
    assert lag.min_ms > LAG_MS - TOLERANCE_MS
    assert lag.samples == 11


def test_a_measured_lag_says_median_and_spread_and_cannot_be_changed(group):
    assert str(group.lag).endswith("11 heartbeats)")
    with pytest.raises(dataclasses.FrozenInstanceError):
        group.lag.median_ms = 0


def test_a_users_write_is_as_late_as_the_heartbeats(group):
    first, second = next(values), next(values)
    write(group, first)  # it makes the table, which takes longer
    wait_for(group, group.replicas[0], first)

    write(group, second)
    late_ms = wait_for(group, group.replicas[0], second) * 1000

    assert LAG_MS - TOLERANCE_MS < late_ms < LAG_MS + BUSY_MS


def test_what_is_written_during_a_pause_arrives_after_it(group):
    before, during = next(values), next(values)
    write(group, before)
    wait_for(group, group.replicas[0], before)

    group.pause()
    write(group, during)
    with pytest.raises(ServerError, match="paused"):
        group.measure_lag()
    assert read(group, group.primary) == during
    with pytest.raises(AssertionError):
        wait_for(group, group.replicas[0], during, timeout_s=3 * LAG_MS / 1000)
    group.resume()

    wait_for(group, group.replicas[0], during)
    assert _measured(group).median_ms == pytest.approx(LAG_MS, abs=TOLERANCE_MS)


def test_a_primary_that_was_stopped_serves_again_with_its_data(group):
    before, after = next(values), next(values)
    write(group, before)

    group.stop_primary()
    with pytest.raises(ConnectionRefusedError):
        _connect(group.primary)
    group.start_primary()

    assert read(group, group.primary) == before
    write(group, after)
    wait_for(group, group.replicas[0], after)


def test_a_replica_that_was_stopped_catches_up(group):
    if group.kind == "rabbitmq":  # whose regions are virtual hosts of one broker
        with pytest.raises(ServerError, match="a part of the primary"):
            group.stop_replica()
        return
    value = next(values)

    group.stop_replica()
    write(group, value)
    group.start_replica()

    wait_for(group, group.replicas[0], value)


def test_a_replica_that_starts_while_replication_is_paused_serves_and_follows_afterwards(group):
    if group.kind == "rabbitmq":
        return
    value = next(values)
    group.pause()
    write(group, value)

    group.stop_replica()
    group.start_replica()
    assert read(group, group.replicas[0]) != value
    group.resume()

    wait_for(group, group.replicas[0], value)


def test_a_replica_that_lost_its_data_copies_the_primarys(group):
    if group.kind == "rabbitmq":
        with pytest.raises(ServerError, match="a part of the primary"):
            group.reseed_replica()
        return
    value = next(values)
    write(group, value)

    group.reseed_replica()

    wait_for(group, group.replicas[0], value)
    assert _measured(group).median_ms == pytest.approx(LAG_MS, abs=TOLERANCE_MS)


def test_the_servers_of_mariadb_do_not_share_temporary_tables_which_one_that_starts_removes():
    with servers.up("mariadb", replicas=2) as group:
        folders = {temporary_folder(group, server) for server in (group.primary, *group.replicas)}

    assert len(folders) == 3


def test_jitter_spreads_the_lag_of_every_replica_around_it():
    with servers.up("redis", replicas=2, lag_ms=30, jitter_ms=20) as group:
        lag = min((group.measure_lag() for _ in range(3)), key=lambda lag: lag.max_ms)

    assert lag.samples == 22
    assert 9 < lag.min_ms < 30 < lag.max_ms < 50 + BUSY_MS


def test_the_password_is_in_the_environment_and_in_nothing_that_is_shown(group):
    shown = [repr(group), repr(group.section(["eu", "us"])), *map(_command_line, _processes())]

    assert os.environ[group.section(["eu", "us"])["password"]["env"]] == group.password
    assert not [text for text in shown if group.password in text]


def test_a_section_names_a_server_for_each_region(group):
    section = group.section(["eu", "us"])

    assert section["type"] == group.kind
    assert section["regions"] == ["eu", "us"]
    assert section["servers"] == {"eu": group.primary.address, "us": group.replicas[0].address}
    for regions in (["eu"], ["eu", "us", "asia"], ["eu", "eu"]):
        with pytest.raises(ConfigError, match="expected 2 different names"):
            group.section(regions)


def test_servers_are_reached_from_this_machine_only(group):
    assert all(server.address.startswith("127.0.0.1:") for server in (group.primary, *group.replicas))


def _measured(group: Group) -> MeasuredLag:
    """Return the best of three measurements: neighbours on this machine can only make it worse."""
    return min((group.measure_lag() for _ in range(3)), key=lambda lag: lag.median_ms)


def _connect(server: Server) -> None:
    host, port = server.address.split(":")
    socket.create_connection((host, int(port))).close()


def _processes() -> list[Path]:
    return [path for path in Path("/proc").iterdir() if path.name.isdigit()]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:  # it has ended just now
        return ""
