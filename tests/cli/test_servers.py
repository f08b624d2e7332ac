"""`weaverlab servers`: started in one terminal, looked at and taken down from another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.terminal import running, weaverlab
from weaverlab import registry, servers
from weaverlab.servers import records

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]


@pytest.fixture
def redis(folder: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    """What `servers up` has said; its servers are taken down at the end."""
    yield weaverlab(folder, "servers", "up", "redis", "--lag", "40ms")
    weaverlab(folder, "servers", "down")


def test_servers_outlive_the_command_that_started_them(folder: Path, redis: subprocess.CompletedProcess[str]) -> None:
    [group] = servers.running()

    assert (redis.returncode, redis.stderr) == (0, "")
    assert f"redis: primary {group.primary.address}, replicas {group.replicas[0].address}" in redis.stdout
    assert "Measured lag: 4" in redis.stdout
    assert group.measure_lag().samples == 11


def test_what_is_printed_can_be_pasted_into_weaver_toml(folder: Path, redis: subprocess.CompletedProcess[str]) -> None:
    [group] = servers.running()

    _, _, section = redis.stdout.partition("[antipode.posts]\n")

    assert section.splitlines()[:6] == [
        'type = "redis"',
        'regions = ["eu", "us"]',
        f'servers = {{ eu = "{group.primary.address}", us = "{group.replicas[0].address}" }}',
        'user = "weaver"',
        'password = { env = "WEAVERLAB_REDIS_PASSWORD" }',
        'database = "0"',
    ]


def test_a_shell_gets_the_password_from_a_file_and_nobody_sees_it(
    folder: Path, redis: subprocess.CompletedProcess[str]
) -> None:
    [group] = servers.running()
    file = group.folder / "environment"

    shell = subprocess.run(
        ["sh", "-c", f". {file}; printenv WEAVERLAB_REDIS_PASSWORD"], capture_output=True, text=True, check=True
    )
    listed = weaverlab(folder, "servers", "status", "--json").stdout

    assert shell.stdout.strip() == group.password
    assert file.stat().st_mode & 0o077 == 0
    assert group.password not in redis.stdout + listed


def test_another_terminal_pauses_resumes_and_takes_down(folder: Path, redis: subprocess.CompletedProcess[str]) -> None:
    [group] = servers.running()

    paused = weaverlab(folder, "servers", "pause")
    assert group.state().is_paused and "weaverlab servers resume redis" in paused.stdout
    assert " paused " in weaverlab(folder, "servers", "status").stdout
    weaverlab(folder, "servers", "resume", "redis")
    assert not group.state().is_paused
    down = weaverlab(folder, "servers", "down")

    assert down.stdout == "Took redis down.\n"
    assert not group.folder.exists()
    assert weaverlab(folder, "servers", "status").stdout.startswith("No servers run.")


def test_down_leaves_alone_what_another_program_uses(folder: Path) -> None:
    with servers.up("redis") as group:
        down = weaverlab(folder, "servers", "down")
        by_name = weaverlab(folder, "servers", "down", group.name)

        assert "No servers run that `weaverlab servers up` has started." in down.stdout
        assert by_name.returncode == 2 and "belong to a program that runs" in by_name.stderr
        assert group.measure_lag().samples == 11


def test_two_groups_of_a_kind_have_names_and_passwords_of_their_own(
    folder: Path, redis: subprocess.CompletedProcess[str]
) -> None:
    with servers.up("redis", replicas=0) as second:
        listed = json.loads(weaverlab(folder, "servers", "status", "--json").stdout)
        unclear = weaverlab(folder, "servers", "pause")

        assert [one["name"] for one in listed] == ["redis", "redis-2"]
        assert second.password_variable == "WEAVERLAB_REDIS_2_PASSWORD"
        assert unclear.returncode == 2 and "name one of redis, redis-2" in unclear.stderr


def test_everything_wrong_is_told_at_once(folder: Path) -> None:
    done = weaverlab(folder, "servers", "up", "postgress", "--replicas", "two", "--lag", "100", "--jitter", "1h")

    assert (done.returncode, done.stdout) == (2, "")
    assert "4 faults" in done.stderr and "Traceback" not in done.stderr
    assert "Did you mean 'postgres'?" in done.stderr
    assert "--lag 100: expected a time with its unit, such as 100ms or 1.5s" in done.stderr


def test_a_lag_that_is_no_time_is_one_fault_and_not_also_smaller_than_the_jitter(folder: Path) -> None:
    done = weaverlab(folder, "servers", "up", "redis", "--lag", "x", "--jitter", "5ms")

    assert done.stderr == "Error: --lag x: expected a time with its unit, such as 100ms or 1.5s\n"


@pytest.mark.parametrize("args", [["pause"], ["resume", "mariadb"], ["down", "mariadb"], ["status", "mariadb"]])
def test_where_nothing_runs_the_verbs_say_how_to_start(folder: Path, args: list[str]) -> None:
    done = weaverlab(folder, "servers", *args)

    assert (done.returncode, done.stderr) == (
        2,
        "Error: No servers run. To start some: weaverlab servers up mariadb --lag 100ms\n",
    )


def test_purge_removes_what_a_killed_group_has_left(folder: Path, redis: subprocess.CompletedProcess[str]) -> None:
    [group] = servers.running()
    assert str(group.folder) not in weaverlab(folder, "purge").stdout  # it runs

    os.kill(group.state().pid, signal.SIGKILL)
    while "removed" not in (said := weaverlab(folder, "purge").stdout):  # the kernel has not yet ended it
        pass

    assert f"removed {group.folder}\n" in said
    assert not group.folder.exists() and not os.listdir(registry.folder(records.SECTION))


def test_ctrl_c_during_up_leaves_nothing(folder: Path) -> None:
    with running(folder, "servers", "up", "mariadb", "--lag", "100ms") as terminal:
        while not records.running():
            time.sleep(0.01)

        terminal.send_signal(signal.SIGINT)
        _, said = terminal.communicate()

        assert (terminal.returncode, said) == (130, "Stopped.\n")
    assert not records.running()
    assert not os.listdir(registry.folder(records.SECTION))
