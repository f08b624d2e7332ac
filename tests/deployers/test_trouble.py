"""Trouble that is not the fault of a component's logic: hanging processes, full pipes, and Ctrl-C at a bad moment."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from multiprocess import util

import weaverlab as weaver
from benchmarks.fault_trials import wait_for
from tests.apps import unruly
from tests.apps.broken import DiesWhenAsked, Healthy
from tests.apps.shop import Fragile, Polite, Shop, config
from weaverlab import Deployment, registry
from weaverlab.config import parse
from weaverlab.deployers import asking, multi, spawning, supervisor
from weaverlab.deployers.processes import LocalProcesses, fork_servers
from weaverlab.deployers.version import DeployerName
from weaverlab.errors import CallLost, DeployError, RemoteApplicationError, StoppedError
from weaverlab.runtime.logs import LogEntry

pytestmark = pytest.mark.usefixtures("no_process_left")


class Watch:
    """Waits for a line that a deployment says."""

    def __init__(self, words: str) -> None:
        self.happened = threading.Event()
        self._words = words

    def show(self, entry: LogEntry) -> None:
        if self._words in str(entry["message"]):
            self.happened.set()


def said(app: Deployment) -> str:
    return "\n".join(f"{entry['replica']} {entry['message']}" for entry in app.logs())


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "CONTROL_TIMEOUT_S", 0.3)
    monkeypatch.setattr(multi, "EXIT_TIMEOUT_S", 0.5)


# Processes that cannot be started


class Starts:
    """Starts processes, until told to fail or to wait."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.left = 1_000
        self.error = OSError(errno.EMFILE, "Too many open files")
        self._start = LocalProcesses.start

    def __call__(self, *args: Any) -> Any:
        self.begun.set()
        self.may_go_on.wait(10)
        self.left -= 1
        if self.left < 0:
            raise self.error
        return self._start(*args)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Starts]:
    starts = Starts()
    monkeypatch.setattr(LocalProcesses, "start", lambda *args: starts(*args))
    yield starts
    starts.may_go_on.set()


def test_a_process_that_cannot_be_started_fails_the_deploy_and_ends_the_others_at_once(starts: Starts) -> None:
    weaver.deploy(Healthy).stop()  # so that the fork server runs
    starts.left = 1
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))

    with pytest.raises(DeployError, match=r"cannot start Healthy/0.*Too many open files"):
        weaver.deploy(Fragile, Healthy)

    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) == (threads, descriptors)


def test_a_process_that_cannot_be_restarted_fails_the_deployment(starts: Starts) -> None:
    with weaver.deploy(Fragile) as app:
        fragile = app.get(Fragile)
        starts.left, starts.error = 0, FileNotFoundError(errno.ENOENT, "no such interpreter")
        with pytest.raises(StoppedError, match="no such interpreter"):
            fragile.die()

        assert app.status().state == "failed"


def test_a_process_is_restarted_when_the_shortage_that_prevented_it_has_passed(
    starts: Starts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SHORTAGE_RETRY_S", 0.02)
    with weaver.deploy(Fragile) as app:
        fragile = app.get(Fragile)
        pid = fragile.pid()
        starts.left = 0
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: starts.left < -9)  # more often than it may die

        starts.left = 1

        assert fragile.pid() != pid
        assert app.replicas()[0].restarts == 1
        assert app.replicas()[0].last_death == "cannot start Fragile/0: OSError: [Errno 24] Too many open files"


def test_stop_ends_a_process_that_is_being_restarted(starts: Starts) -> None:
    with weaver.deploy(Fragile) as app:
        starts.begun.clear()
        starts.may_go_on.clear()
        os.kill(app.get(Fragile).pid(), signal.SIGKILL)
        assert starts.begun.wait(5)

        threading.Timer(0.1, starts.may_go_on.set).start()
        app.stop(0.0)

    assert app.status().state == "stopped"


def test_a_deploy_in_a_directory_that_is_gone_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()

    with pytest.raises(DeployError, match="working directory"):
        weaver.deploy(Healthy)


def test_sockets_find_a_place_where_the_runtime_directory_is_missing_and_tmpdir_is_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr("tempfile.tempdir", str(long))

    with weaver.deploy(Healthy) as app:
        assert app.get(Healthy).ping() == "pong"

    assert not list(long.iterdir())


# Processes that hang


@pytest.mark.usefixtures("short_patience")
def test_a_stopped_process_does_not_keep_stop_from_ending_and_is_named() -> None:
    app = weaver.deploy(Shop, config=config())
    os.kill(app.replicas("EmbeddedStores")[0].pid, signal.SIGSTOP)

    app.stop()

    assert "EmbeddedStores/0 could not be asked to stop, and is killed" in said(app)


@pytest.mark.usefixtures("short_patience")
def test_a_shutdown_that_hangs_is_ended_and_named() -> None:
    app = weaver.deploy(unruly.HangsInShutdown, Healthy)

    app.stop(0.0)

    assert "did not stop within 0.5 s" in said(app)


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_an_async_init_that_exits_fails_the_deploy(deployer: DeployerName) -> None:
    with pytest.raises(DeployError, match="enough"):
        weaver.deploy(unruly.ExitsInAsyncInit, deployer=deployer)


@pytest.mark.parametrize("deployer", ["rpc", "multi"])
def test_an_async_init_may_use_threads_while_many_wait_for_it(deployer: DeployerName) -> None:
    with weaver.deploy(unruly.Impatient, deployer=deployer) as app:
        assert asyncio.run(app.get(unruly.Impatient).pings()) == 200


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_stray_module_in_the_working_directory_is_not_taken_for_one_that_we_need(tmp_path: Path, method: str) -> None:
    for name in ("dill", "signal", "weaverlab", "multiprocess"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('the stray {name}')\n")
    script = (
        "import sys, weaverlab as weaver\n"
        f"sys.path[:0] = ['', {os.getcwd()!r}]\n"
        "from tests.apps.broken import Healthy\n"
        "from weaverlab.config import parse\n"
        "import os, dill, multiprocess\n"
        f"os.chdir({str(tmp_path)!r})\n"
        f"with weaver.deploy(Healthy, config=parse('[multi]\\nstart_method = \"{method}\"')) as app:\n"
        "    print(app.get(Healthy).ping())\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)

    assert (done.stdout, done.stderr) == ("pong\n", "")


@pytest.mark.parametrize("method", ["forkserver", "spawn"])
def test_a_stray_module_beside_the_application_is_not_taken_for_one_that_we_need(tmp_path: Path, method: str) -> None:
    for name in ("json", "queue", "dill", "weaverlab", "multiprocess"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('the stray {name}')\n")
    (tmp_path / "app.py").write_text(
        "from weaverlab import Main\nclass App(Main):\n    def main(self):\n        print('it runs')\n"
    )
    (tmp_path / "weaver.toml").write_text(f'[weaverlab]\napp = "app.py"\n[multi]\nstart_method = "{method}"\n')
    command = [sys.executable, "-m", "weaverlab.cli", "multi", "deploy", str(tmp_path / "weaver.toml")]

    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=30)

    assert done.returncode == 0 and "App/0  it runs" in done.stderr


# Processes that close, flood or inherit what is not theirs


def test_a_dead_weavelet_whose_own_process_goes_on_writing_is_restarted() -> None:
    again = Watch("ready again after 2")
    with weaver.deploy(unruly.LeavesProcesses, show=again.show) as app:
        for _ in range(2):
            with pytest.raises(CallLost):
                app.get(unruly.LeavesProcesses).die_while_another_writes()

        assert again.happened.wait(5)


def test_processes_of_a_component_have_an_empty_standard_input() -> None:
    with weaver.deploy(unruly.LeavesProcesses) as app, weaver.timeout(5.0):
        assert app.get(unruly.LeavesProcesses).cat() == b""


def test_a_weavelet_that_closed_its_standard_output_ends_in_order() -> None:
    with weaver.deploy(unruly.ClosesStandardOutput) as app:
        app.stop()

    assert "killed" not in said(app)


def test_a_very_long_log_message_arrives_cut() -> None:
    end = Watch("characters left out")
    with weaver.deploy(unruly.Chatty, show=end.show) as app:
        app.get(unruly.Chatty).log(1_000_000)
        assert end.happened.wait(5)

    levels = {entry["level"] for entry in app.logs()}
    assert levels == {"INFO"}


def test_the_death_of_the_fork_server_costs_a_restart_and_no_more() -> None:
    again = Watch("ready again")
    with weaver.deploy(Fragile, show=again.show) as app:
        first = app.get(Fragile).pid()
        os.kill(fork_servers.pid(), signal.SIGKILL)

        assert again.happened.wait(5)
        assert app.get(Fragile).pid() != first


def test_a_signal_without_a_name_is_a_death_like_any_other() -> None:
    seen = Watch("was killed by signal 40")
    with weaver.deploy(Fragile, show=seen.show) as app:
        os.kill(app.get(Fragile).pid(), 40)

        assert seen.happened.wait(5)


def test_who_shows_output_cannot_end_the_deployment() -> None:
    def broken(entry: LogEntry) -> None:
        raise BrokenPipeError

    with weaver.deploy(Fragile, show=broken) as app:
        first = app.get(Fragile).pid()
        os.kill(first, signal.SIGKILL)

        assert app.get(Fragile).pid() != first


# How main ends


def test_a_main_may_raise_an_exception_of_any_size() -> None:
    with pytest.raises(ValueError, match="xxx"):
        weaver.run(unruly.LongError, deployer="multi")


def test_a_main_may_raise_what_only_its_own_process_can_unpickle() -> None:
    with pytest.raises(RemoteApplicationError, match="Stubborn"):
        weaver.run(unruly.StubbornError, deployer="multi")


def test_a_main_may_exit_with_anything() -> None:
    with pytest.raises(SystemExit, match="lock"):
        weaver.run(unruly.ExitsOddly, deployer="multi")


# Ctrl-C, and stopping at a bad moment


def test_ctrl_c_lets_an_async_main_clean_up_before_components_shut_down(tmp_path: Path) -> None:
    script = tmp_path / "interrupted.py"
    script.write_text(
        "import weaverlab as weaver\nfrom tests.apps.unruly import WaitsForEver\nweaver.run(WaitsForEver)\n"
    )
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "main runs\n"

        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

    assert out == "cleaned\nshut down\n"
    assert err.rstrip().endswith("KeyboardInterrupt")


def test_ctrl_c_does_not_reach_a_process_that_has_just_been_started_for_us() -> None:
    reading, writing = os.pipe()
    command = [os.fsencode(sys.executable), "-c", f"import os; os.write({writing}, b'it runs')"]
    with spawning._as_we_start_processes():
        pid = util.spawnv_passfds(command[0], command, [writing])
    os.kill(pid, signal.SIGINT)
    os.close(writing)

    with open(reading, "rb") as said:
        assert said.read() == b"it runs"
    os.waitpid(pid, 0)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_ctrl_c_just_when_a_deployment_has_been_published_takes_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    publish = Deployment.publish

    def publish_and_interrupt(deployment: Deployment) -> None:
        publish(deployment)
        raise KeyboardInterrupt

    monkeypatch.setattr(Deployment, "publish", publish_and_interrupt)

    with pytest.raises(KeyboardInterrupt):
        weaver.deploy(Healthy, deployer="single")

    assert registry.running() == []


@pytest.mark.parametrize("deployer", ["single", "rpc"])
def test_a_second_ctrl_c_while_stopping_leaves_nothing_behind(deployer: DeployerName) -> None:
    threads = set(threading.enumerate())
    app = weaver.deploy(unruly.Interrupted, unruly.Web, deployer=deployer)
    addresses = [replica.address.removeprefix("unix:") for replica in app.replicas()]

    with pytest.raises(KeyboardInterrupt):
        app.stop()

    assert app.status().state == "stopped"
    assert not any(Path(address).exists() for address in addresses if address)
    assert {thread.name for thread in set(threading.enumerate()) - threads} == set()


def test_an_interrupt_while_stop_takes_the_last_figures_still_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    app = weaver.deploy(Healthy)
    monkeypatch.setattr(app._version.backend, "counts", interrupted)

    with pytest.raises(KeyboardInterrupt):
        app.stop()

    monkeypatch.undo()
    assert app.status().state == "stopped"


@pytest.mark.parametrize("deployer", ["single", "rpc", "multi"])
def test_a_shutdown_that_exits_does_not_keep_others_from_theirs(
    deployer: DeployerName, capfd: pytest.CaptureFixture[str]
) -> None:
    app = weaver.deploy(Polite, unruly.ExitsInShutdown, deployer=deployer, colocate=[[Polite, unruly.ExitsInShutdown]])
    app.stop()

    captured = capfd.readouterr()
    assert "goodbye" in captured.out + captured.err
    assert "shutdown() failed" in said(app)


def test_stop_gives_shutdown_its_time_within_a_block_whose_time_is_over() -> None:
    app = weaver.deploy(Polite)
    with weaver.timeout(1e-9):
        app.stop()

    assert "goodbye" in said(app)


# Deployments within and beside others


def test_a_component_may_deploy_an_application_of_its_own() -> None:
    with weaver.deploy(unruly.Nesting) as app:
        assert app.get(unruly.Nesting).deploy() not in (os.getpid(), app.replicas()[0].pid)


def test_spawn_starts_weavelets_too() -> None:
    with weaver.deploy(Healthy, config=parse('[multi]\nstart_method = "spawn"\n')) as app:
        assert app.get(Healthy).ping() == "pong"


def test_several_threads_may_stop_one_deployment() -> None:
    with weaver.deploy(DiesWhenAsked) as app:
        stoppers = [threading.Thread(target=app.stop) for _ in range(4)]
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()

    assert app.status().state == "stopped"
