"""A weavelet, and then a deployer, without descriptors: what is open goes on, and all is well when they come back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.faults.hoarder import Hoarder
from weaverlab import Deployment
from weaverlab.errors import RemoteCallError

pytestmark = [pytest.mark.usefixtures("no_process_left"), pytest.mark.slow]

SHORT_S = 0.5


def pid_async(app: Deployment) -> int:
    async def main() -> int:
        return await app.get(Hoarder).pid_async()

    return asyncio.run(main())  # on a loop of its own, hence a new connection


def test_a_weavelet_without_descriptors_goes_on_with_whom_it_knows() -> None:
    with weaver.deploy(Hoarder) as app:
        hoarder = app.get(Hoarder)
        pid = hoarder.pid()
        hoarder.hoard()

        with weaver.timeout(SHORT_S), pytest.raises(RemoteCallError) as caught:
            pid_async(app)
        began_s, used_s = time.monotonic(), hoarder.cpu_s()
        while time.monotonic() < began_s + SHORT_S:
            assert hoarder.pid() == pid  # over the connection that was there
            time.sleep(0.01)
        used_s = hoarder.cpu_s() - used_s
        passed_s = time.monotonic() - began_s
        assert app.replicas()[0].healthy
        hoarder.release()

        assert not caught.value.maybe_executed
        assert used_s < passed_s / 2  # it does not spin
        assert pid_async(app) == pid
        assert app.replicas()[0].restarts == 0
        warnings = [entry for entry in app.logs() if "Too many open files" in str(entry["message"])]
        assert 0 < len(warnings) < 3


DEPLOYER = """
import os, signal
import weaverlab as weaver
from benchmarks.fault_trials import wait_for
from tests.faults.hoarder import Hoarder
from tests.transport.starving import starved
from weaverlab.errors import RemoteCallError

with weaver.deploy(Hoarder, replicas={Hoarder: 2}) as app:
    hoarder = app.get(Hoarder)
    before = {hoarder.pid() for _ in range(10)}
    victim, other = app.replicas()
    with starved():
        os.kill(victim.pid, signal.SIGKILL)
        wait_for(lambda: "Too many open files" in app.replicas()[0].last_death)
        meanwhile = {hoarder.pid() for _ in range(10)}
        state = app.status().state
    wait_for(lambda: app.replicas()[0].healthy)
    after = {hoarder.pid() for _ in range(10)}
    print(before == {victim.pid, other.pid}, meanwhile == {other.pid}, state, victim.pid in after, len(after),
          [replica.restarts for replica in app.replicas()])
"""


def test_a_deployer_without_descriptors_restarts_what_died_when_it_has_some_again(tmp_path: Path) -> None:
    script = tmp_path / "deployer.py"
    script.write_text(DEPLOYER)

    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.stdout.splitlines()[-1:] == ["True True running False 2 [1, 0]"], done.stdout + done.stderr
    assert done.returncode == 0
