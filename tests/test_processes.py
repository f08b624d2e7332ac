"""The check for processes left behind sees what it is meant to see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.processes import no_process_stays, session_processes

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


def pids() -> set[int]:
    return {process.pid for process in session_processes()}


def test_a_running_child_is_found_and_named(child):
    found = {process.pid: str(process) for process in session_processes()}

    assert f"(parent {os.getpid()})" in found[child.pid]
    assert "signal.pause()" in found[child.pid]


def test_a_child_that_ends_while_we_wait_is_not_left_behind():
    with no_process_stays(patience_s=10), subprocess.Popen(PAUSE) as child:
        child.send_signal(signal.SIGTERM)


def test_a_process_from_before_the_block_may_stay(child):
    with no_process_stays(patience_s=0):
        pass

    assert child.poll() is None


def test_an_orphan_in_a_session_of_its_own_is_named_and_killed():
    with (
        pytest.raises(AssertionError, match="still running 0 s after the end") as failure,
        no_process_stays(patience_s=0),
    ):
        orphan = int(subprocess.run([sys.executable, "-c", ABANDON], capture_output=True, check=True).stdout)

    assert f"{orphan} (parent " in str(failure.value)
    with no_process_stays(patience_s=10):
        pass  # waits for the kill to take effect
    assert orphan not in pids()


def test_a_forked_child_is_found_without_the_mark():
    pid = os.posix_spawn(PAUSE[0], PAUSE, {})  # like a plain fork, it does not show our mark

    assert pid in pids()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
