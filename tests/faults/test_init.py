"""An init that hangs, fails or exits: when it is deployed (see tests/deployers, too), and when it is started again."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import weaverlab as weaver
from benchmarks.fault_trials import wait_for
from tests.apps.broken import HangsInInit
from tests.faults.moody import Moody
from weaverlab.config import Config, parse
from weaverlab.deployers import multi
from weaverlab.errors import DeadlineExceeded, DeployError, StoppedError, Unreachable

pytestmark = pytest.mark.usefixtures("no_process_left")


@pytest.fixture
def mood(tmp_path: Path) -> Path:
    path = tmp_path / "mood"
    path.write_text("well")
    return path


def config(mood: Path) -> Config:
    return parse(f'[multi]\nrestarts_max = 1\n[Moody]\npath = "{mood}"\n')


def test_an_init_that_hangs_fails_the_deploy_which_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multi, "START_S", 0.5)

    with pytest.raises(DeployError, match=r"not ready after 0\.5 s: HangsInInit/0\. Their init\(\) still runs"):
        weaver.deploy(HangsInInit)


@pytest.mark.parametrize("how", ["fails", "exits"])
def test_an_init_that_goes_wrong_after_a_restart_fails_the_deployment_with_its_traceback(mood: Path, how: str) -> None:
    with weaver.deploy(Moody, config=config(mood)) as app:
        moody = app.get(Moody)
        pid = moody.pid()
        mood.write_text(how)

        os.kill(pid, signal.SIGKILL)

        with pytest.raises(StoppedError) as stopped:
            while True:
                moody.pid()
        assert app.status().state == "failed"
        assert "Moody/0" in str(stopped.value) and "no such disk" in str(stopped.value)
        assert "2 times in a row" in str(stopped.value)


def test_an_init_that_hangs_after_a_restart_leaves_calls_to_the_others_and_to_their_deadlines(mood: Path) -> None:
    with weaver.deploy(Moody, config=config(mood), replicas={Moody: 2}) as app:
        moody = app.get(Moody)
        mood.write_text("hangs")
        victim, other = app.replicas(Moody)

        os.kill(victim.pid, signal.SIGKILL)
        wait_for(lambda: app.replicas(Moody)[0].pid != victim.pid)

        assert {moody.pid() for _ in range(10)} == {other.pid}
        os.kill(other.pid, signal.SIGKILL)
        wait_for(lambda: app.replicas(Moody)[1].pid != other.pid)
        with pytest.raises((DeadlineExceeded, Unreachable)), weaver.timeout(0.5):
            moody.pid()
