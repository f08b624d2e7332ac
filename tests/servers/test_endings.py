"""However a group ends, nothing of it is left: no process, no directory, no file, no variable."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from tests.servers import holder
from weaverlab import registry, servers
from weaverlab.errors import ServerError
from weaverlab.servers import records
from weaverlab.testing.processes import Process, started_processes, wait_gone

GONE_S = 10.0


@pytest.fixture
def started_before() -> set[Process]:
    return started_processes()


@pytest.fixture
def no_file_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test when the groups of its programs have left a file, or are still registered."""
    before = set(_registered())
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)  # the servers' account must get in
        monkeypatch.setenv("TMPDIR", folder)
        yield
        assert not os.listdir(folder)
    assert not set(_registered()) - before


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_leaving_the_block_leaves_nothing(kind, started_before):
    with servers.up(kind, lag_ms=5) as group:
        assert group.folder.is_dir()
        assert len(started_processes() - started_before) >= 3  # the keeper, the primary, the replica

    assert _is_gone(group.folder)
    assert not wait_gone(started_before, GONE_S)
    assert group.password_variable not in os.environ
    with pytest.raises(ServerError, match="does not run any more"):
        group.pause()
    group.down()


@pytest.mark.parametrize("kind", servers.KINDS)
def test_sigkill_of_the_parent_leaves_nothing(kind, started_before):
    with _held(kind) as (process, folder):
        process.kill()

        assert not wait_gone(started_before, GONE_S)
        assert _is_gone(folder)


@pytest.mark.parametrize("kind", ["redis", "rabbitmq"])
def test_sigkill_of_the_keeper_ends_the_servers_and_the_next_look_removes_their_files(kind, started_before):
    with servers.up(kind) as group:
        [keeper] = [record.pid for record in records.running() if record.name == group.name]

        os.kill(keeper, signal.SIGKILL)

        assert not wait_gone(started_before, GONE_S)
        assert _holds(lambda: group.name not in [record.name for record in records.running()])
        assert not group.folder.exists()


def test_a_server_that_was_killed_is_said_not_to_run():
    with servers.up("redis", replicas=0) as group:
        host, port = group.primary.address.split(":")
        with redis.Redis(host=host, port=int(port), username=group.user, password=group.password) as client:
            pid = client.info("server")["process_id"]

        os.kill(pid, signal.SIGKILL)

        assert _holds(lambda: group.state().stopped == ("primary",))


@pytest.mark.parametrize("after_s", [0.0, 0.2, 0.6])
def test_ctrl_c_while_servers_start_leaves_nothing(after_s, started_before, no_file_left):
    process = subprocess.Popen(holder.command("mariadb"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(after_s)  # any moment will do

    process.send_signal(signal.SIGINT)
    process.communicate()

    assert not wait_gone(started_before, GONE_S)


def test_an_error_in_the_block_goes_on_and_leaves_nothing(started_before, no_file_left):
    with pytest.raises(ZeroDivisionError), servers.up("redis"):
        raise ZeroDivisionError

    assert not wait_gone(started_before, GONE_S)


def test_a_server_that_does_not_start_says_its_last_words_and_leaves_nothing(monkeypatch, started_before, no_file_left):
    with tempfile.TemporaryDirectory(prefix="broken-", dir="/tmp") as folder:  # where any account can look
        os.chmod(folder, 0o755)
        broken = Path(folder, "redis-server")
        broken.write_text("#!/bin/sh\necho out of order; exit 3\n")
        broken.chmod(0o755)
        monkeypatch.setenv("PATH", folder, prepend=os.pathsep)

        with pytest.raises(ServerError, match=r"(?s)redis primary.*has ended.*out of order"):
            servers.up("redis")

    assert not wait_gone(started_before, GONE_S)


@contextlib.contextmanager
def _held(kind: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Yield a process that holds a group, and the folder of that."""
    with subprocess.Popen(holder.command(kind), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


def _is_gone(folder: Path) -> bool:
    return _holds(lambda: not folder.exists())


def _holds(condition: Callable[[], bool]) -> bool:
    """Return whether `condition` holds, in a while at most."""
    ends_s = time.monotonic() + GONE_S
    while not condition() and time.monotonic() < ends_s:
        time.sleep(0.02)
    return condition()


def _registered() -> list[Path]:
    return list(registry.folder(records.SECTION).glob("*"))
