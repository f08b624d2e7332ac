"""What is left behind is found and named, in every way that a system may show it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import weaverlab as weaver
from tests.apps.broken import Healthy
from weaverlab.testing import nothing_left, processes
from weaverlab.testing.processes import Process, started_processes

PAUSE = [sys.executable, "-c", "import signal; signal.pause()"]
# Starts a process in a session of its own, prints its pid, and ends: the kernel hands the orphan to init.
ABANDON = f"""
import subprocess
nowhere = subprocess.DEVNULL
print(subprocess.Popen({PAUSE!r}, start_new_session=True, stdout=nowhere, stderr=nowhere).pid)
"""


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(PAUSE) as process:
        yield process
        process.kill()


@pytest.fixture(params=["proc", "ps"])
def any_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look as on Linux, and as on other systems."""
    if request.param == "ps":
        monkeypatch.setattr(processes, "_has_proc", lambda: False)


def pids() -> set[int]:
    return {process.pid for process in started_processes()}


@pytest.mark.usefixtures("any_system")
def test_a_running_child_is_found_and_named(child: subprocess.Popen[bytes]) -> None:
    found = {process.pid: str(process) for process in started_processes()}

    assert f"(parent {os.getpid()})" in found[child.pid]
    assert "signal.pause()" in found[child.pid]


@pytest.mark.usefixtures("any_system")
def test_a_weavelet_is_found_though_another_process_started_it() -> None:
    with weaver.deploy(Healthy) as app:
        assert app.replicas()[0].pid in pids()

    assert app.replicas()[0].pid not in pids()


def test_a_child_that_ends_while_we_wait_is_not_left_behind() -> None:
    with nothing_left(patience_s=10), subprocess.Popen(PAUSE) as child:
        child.send_signal(signal.SIGTERM)


def test_a_process_from_before_the_block_may_stay(child: subprocess.Popen[bytes]) -> None:
    with nothing_left(patience_s=0):
        pass

    assert child.poll() is None


def test_an_orphan_in_a_session_of_its_own_is_named_and_killed() -> None:
    before = started_processes()
    with pytest.raises(AssertionError, match="left behind, 0 s after the end") as failure, nothing_left(patience_s=0):
        orphan = int(subprocess.run([sys.executable, "-c", ABANDON], capture_output=True, check=True).stdout)

    assert f"process {orphan} (parent " in str(failure.value)
    assert processes.wait_gone(before, timeout_s=10) == set()


def test_a_forked_child_is_found_without_the_mark() -> None:
    pid = os.posix_spawn(PAUSE[0], PAUSE, {})  # like a plain fork, it does not show our mark

    assert pid in pids()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_process_is_the_same_one_after_its_parent_died() -> None:
    assert Process(7, "now", parent=5, command="x") == Process(7, "now", parent=1, command="y")


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_a_deployment_that_is_not_stopped_is_named_with_all_that_it_has(deployer: str) -> None:
    with pytest.raises(AssertionError) as failure, nothing_left(patience_s=0):
        app = weaver.deploy(Healthy, deployer=deployer)  # type: ignore[call-overload]
        app.get(Healthy).ping()
    app.stop()

    wanted = {"single": ["file /"], "rpc": ["directory /", "thread weaverlab-", "connection to /", "socket listening"]}
    wanted["multi"] = ["file /", "directory /", "thread weaverlab-", "connection to /", "process "]
    assert [words for words in wanted[deployer] if f"\n  {words}" not in str(failure.value)] == []


def test_threads_and_connections_of_others_do_not_count() -> None:
    end = threading.Event()
    mine, others = socket.socketpair()
    with nothing_left(patience_s=0):
        thread = threading.Thread(target=end.wait)
        thread.start()
        more = socket.socketpair()

    end.set()
    thread.join()
    for sock in (mine, others, *more):
        sock.close()


def test_what_the_block_raises_goes_on_and_what_it_left_is_ended() -> None:
    with pytest.raises(ValueError, match="my own"), nothing_left(patience_s=0):
        child = subprocess.Popen(PAUSE)
        raise ValueError("my own")

    assert child.wait(10) == -signal.SIGKILL
