"""Real processes: what happens when they die, fail to start, or lose their deployer."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps import broken
from tests.apps.shop import Catalogue, Fragile, Front, Shop, Storage, Unpicklable, config
from weaverlab.config import parse
from weaverlab.deployers.version import DeployerName
from weaverlab.errors import CallLost, ConfigError, DeployError, RemoteApplicationError, StoppedError
from weaverlab.testing.processes import started_processes, wait_gone

pytestmark = pytest.mark.usefixtures("no_process_left")


def test_every_component_has_a_process_of_its_own_and_as_many_as_asked_for() -> None:
    with weaver.deploy(Shop, config=config(), replicas={Storage: 2}, colocate=[[Shop, Front]]) as app:
        pids = [replica.pid for replica in app.replicas()]
        answers = [app.get(Catalogue).pid() for _ in range(4)]

    assert len(set(pids)) == len(pids) == 5  # the embedded stores, Storage twice, Mirror, Shop and Front together
    assert sorted(set(answers)) == sorted(replica.pid for replica in app.replicas(Storage))
    assert answers[:2] == answers[2:]  # in turn
    assert app.replicas(Shop)[0].components == ("Front", "Shop")
    assert os.getpid() not in pids


def test_a_killed_weavelet_is_restarted_and_calls_that_may_be_repeated_do_not_notice() -> None:
    ready_again = threading.Event()
    with weaver.deploy(Fragile, show=lambda entry: "ready again" in str(entry["message"]) and ready_again.set()) as app:
        fragile = app.get(Fragile)
        first = fragile.pid()

        os.kill(first, signal.SIGKILL)

        assert fragile.pid() != first
        assert ready_again.wait(5)
        assert [(r.restarts, r.healthy) for r in app.replicas(Fragile)] == [(1, True)]


def test_a_call_that_must_not_be_repeated_says_that_it_may_have_executed() -> None:
    with weaver.deploy(Fragile) as app, pytest.raises(CallLost) as lost:
        app.get(Fragile).die_once()

    assert lost.value.maybe_executed and lost.value.attempts == 1


def test_other_replicas_answer_while_one_is_down() -> None:
    with weaver.deploy(Fragile, replicas={Fragile: 2}) as app:
        fragile = app.get(Fragile)
        victim, survivor = (replica.pid for replica in app.replicas(Fragile))

        os.kill(victim, signal.SIGKILL)
        answers = {fragile.pid() for _ in range(10)}

    assert survivor in answers and victim not in answers


def test_a_replica_that_keeps_dying_fails_the_deployment_with_its_last_words() -> None:
    with weaver.deploy(broken.DiesWhenAsked, config=parse("[multi]\nrestarts_max = 1\n")) as app:
        handle = app.get(broken.DiesWhenAsked)
        with pytest.raises(StoppedError) as ended:
            while True:
                with contextlib.suppress(CallLost):
                    handle.die()

    for words in ("DiesWhenAsked/0", "exited with code 7", "2 times in a row", "restarts_max = 1", "my last words"):
        assert words in str(ended.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV])
def test_the_cause_of_a_death_is_in_the_log(number: signal.Signals) -> None:
    seen = threading.Event()
    with weaver.deploy(Fragile, show=lambda entry: number.name in str(entry["message"]) and seen.set()) as app:
        os.kill(app.get(Fragile).pid(), number)

        assert seen.wait(5)


def test_an_init_that_fails_fails_the_deploy_with_its_traceback_and_no_frames_of_ours() -> None:
    with pytest.raises(DeployError) as failed:
        weaver.deploy(broken.FailsInInit, broken.Healthy)

    assert "FailsInInit/0" in str(failed.value)
    assert 'raise ValueError("no such disk")' in str(failed.value)
    assert "weavelet.py" not in str(failed.value)


@pytest.mark.parametrize("deployer", ["single", "rpc"])
def test_an_init_that_fails_in_this_process_fails_the_deploy_the_same_way(deployer: str) -> None:
    with pytest.raises(DeployError, match="no such disk") as failed:
        weaver.deploy(broken.FailsInInit, broken.Healthy, deployer=deployer)

    assert isinstance(failed.value.__cause__, ValueError)


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_what_was_ready_when_another_init_failed_is_shut_down(
    deployer: DeployerName, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DeployError, match="no such disk"):
        weaver.deploy(broken.FailsAfterOthers, deployer=deployer)

    assert "goodbye" in "".join(capfd.readouterr())


def test_an_interrupt_while_an_init_hangs_leaves_no_process(tmp_path: Path) -> None:
    script = tmp_path / "hangs.py"
    script.write_text(
        "import weaverlab as weaver\nfrom tests.apps.broken import HangsInInit\nweaver.deploy(HangsInInit)\n"
    )
    with subprocess.Popen(
        [sys.executable, script], stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()}
    ) as deployer:
        assert deployer.stderr is not None
        while "init has begun" not in deployer.stderr.readline():
            pass

        deployer.send_signal(signal.SIGINT)

        assert "KeyboardInterrupt" in deployer.communicate(timeout=20)[1]


def test_an_init_that_exits_fails_the_deploy() -> None:
    with pytest.raises(DeployError, match="exited with code 1 before it was ready"):
        weaver.deploy(broken.ExitsInInit)


def test_a_main_that_raises_raises_in_the_caller() -> None:
    with pytest.raises(broken.BadBody, match="of my own"):
        weaver.run(broken.FailsInMain, deployer="multi")


def test_a_main_that_fails_while_nobody_waits_for_it_is_in_the_log() -> None:
    failed = threading.Event()
    words = "main() failed: BadBody: of my own"

    with weaver.deploy(broken.FailsInMain, show=lambda entry: words in str(entry["message"]) and failed.set()) as app:
        app.start_main()

        assert failed.wait(5)


def test_what_a_method_raises_never_ends_its_process() -> None:
    with weaver.deploy(Fragile) as app:
        fragile = app.get(Fragile)
        pid = fragile.pid()

        with pytest.raises(RemoteApplicationError, match="SystemExit"):
            fragile.exit()
        with pytest.raises(Unpicklable, match="lock"):
            fragile.unpicklable_error()
        assert fragile.pid() == pid


def test_printed_lines_of_a_weavelet_are_shown_with_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    with weaver.deploy(Shop, config=config()) as app:
        app.run_main()

    assert "Shop/0  printed by main" in capfd.readouterr().err


def test_the_death_of_the_deployer_ends_every_weavelet_and_removes_its_sockets(tmp_path: Path) -> None:
    before = started_processes()
    script = tmp_path / "deploys.py"
    script.write_text(
        "import sys, weaverlab as weaver\n"
        "from tests.apps.shop import Fragile\n"
        "app = weaver.deploy(Fragile, replicas={Fragile: 3})\n"
        "print(*(replica.pid for replica in app.replicas()), app.replicas()[0].address, flush=True)\n"
        "sys.stdin.read()\n"
    )
    deployer = subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert deployer.stdin is not None and deployer.stdout is not None
    *pids, address = deployer.stdout.readline().decode().split()
    running = {process.pid for process in started_processes()}

    deployer.kill()

    deployer.wait()
    deployer.stdin.close()
    deployer.stdout.close()
    assert running >= {int(pid) for pid in pids}
    assert wait_gone(before, timeout_s=10.0) == set()
    assert not Path(address.removeprefix("unix:")).parent.exists()


def test_a_script_that_forgets_to_stop_ends_and_its_components_are_shut_down(tmp_path: Path) -> None:
    script = tmp_path / "forgets.py"
    script.write_text(
        "import weaverlab as weaver\n"
        "from tests.apps.shop import Polite\n"
        "app = weaver.deploy(Polite)\n"
        "raise SystemExit(4)\n"
    )

    done = subprocess.run(
        [sys.executable, script],
        stderr=subprocess.PIPE,
        text=True,
        timeout=20,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )

    assert done.returncode == 4
    assert "Polite/0  goodbye" in done.stderr


def test_faults_of_replicas_and_colocation_are_reported_together_before_any_process_starts() -> None:
    with pytest.raises(ConfigError) as wrong:
        weaver.deploy(Shop, config=config(), replicas={"Storag": 2, Front: 0}, colocate=[["Shop", "Mirrow"]])

    faults = "\n".join(wrong.value.faults)
    assert len(wrong.value.faults) == 3
    assert "'Storag'" in faults and "Did you mean 'Storage'" in faults
    assert "replicas of Front: 0; expected a whole number from 1" in faults
    assert "'Mirrow'" in faults and "Did you mean 'Mirror'" in faults
