"""Two terminals: one in which an application runs, one from which it is looked at and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.terminal import running, wait_line, weaverlab, write_config
from weaverlab import registry
from weaverlab.registry import Record
from weaverlab.runtime.version import WEAVERLAB_VERSION

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]


@pytest.fixture
def terminal(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A terminal in which the application runs in processes of its own."""
    write_config(folder, "serve")
    with running(folder, "multi", "deploy") as process:
        wait_line(process.stderr, "hello world")
        yield process


@pytest.fixture
def sockets() -> Iterator[str]:
    """A folder of our own for sockets, whose paths must be short."""
    with tempfile.TemporaryDirectory(prefix="wl-") as path:
        yield path


def the_record() -> Record:
    [record] = registry.running()
    return record


@pytest.mark.parametrize("args", [["status"], ["multi", "status"], ["single", "status"]])
def test_where_nothing_runs_status_says_what_to_do_and_succeeds(folder: Path, args: list[str]) -> None:
    done = weaverlab(folder, *args)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Nothing is deployed. To deploy: weaverlab multi deploy weaver.toml\n"
    assert json.loads(weaverlab(folder, *args, "--json").stdout) == []


@pytest.mark.parametrize("args", [["logs"], ["stop", "4f"], ["status", "4f"], ["callgraph"], ["multi", "logs", "4f"]])
def test_where_nothing_runs_the_other_verbs_are_wrong_use(folder: Path, args: list[str]) -> None:
    done = weaverlab(folder, *args)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Error: nothing is deployed. To deploy: weaverlab multi deploy weaver.toml\n"


def test_another_terminal_sees_a_deployment(folder: Path, terminal: subprocess.Popen[str]) -> None:
    record = the_record()

    every = weaverlab(folder, "status")
    one = weaverlab(folder, "status", record.id[:3])
    drawn = weaverlab(folder, "callgraph", record.id)

    assert every.stdout.splitlines()[2].split()[:7] == [record.id, "greetings.App", "multi", "running", "2", "2", "2"]
    assert f"Deployment {record.id}" in one.stdout and "App     Greeter  greet" in one.stdout
    assert "App  [1 replica]\n  -> Greeter  [1 replica]  1 call" in drawn.stdout
    assert weaverlab(folder, "single", "status").stdout.startswith("Nothing is deployed")


def test_what_it_prints_for_programs_has_keys_that_stay(folder: Path, terminal: subprocess.Popen[str]) -> None:
    [listed] = json.loads(weaverlab(folder, "status", "--json").stdout)
    one = json.loads(weaverlab(folder, "status", listed["id"], "--json").stdout)
    entries = [json.loads(line) for line in weaverlab(folder, "logs", "--json").stdout.splitlines()]

    assert set(listed) == {
        *("id", "app", "deployer", "state", "version", "components", "weavelets", "healthy", "pid", "started_s"),
        *("weaverlab_version", "problem"),
    }
    assert (listed["state"], listed["pid"], listed["problem"]) == ("running", terminal.pid, "")
    assert one["deployment_id"] == listed["id"] and one["version"] == listed["version"]
    assert entries[-1]["message"] == "hello world" and entries[-1]["level"] == "PRINT"


def test_log_entries_are_shown_by_level_and_component(folder: Path, terminal: subprocess.Popen[str]) -> None:
    assert "App/0  hello world" in weaverlab(folder, "logs").stdout
    assert "hello world" in weaverlab(folder, "logs", "--component", "App").stdout
    assert weaverlab(folder, "logs", "--component", "Greeter").stdout == ""
    assert weaverlab(folder, "logs", "--level", "warning").stdout == ""
    assert "Did you mean 'Greeter'?" in weaverlab(folder, "logs", "--component", "Greter").stderr


def test_logs_can_be_followed_until_the_deployment_stops(folder: Path, terminal: subprocess.Popen[str]) -> None:
    with running(folder, "logs", "--follow") as follower:
        wait_line(follower.stdout, "hello world")

        terminal.send_signal(signal.SIGINT)

        output, errors = follower.communicate(timeout=20)
        assert output.index("app closed") < output.index("greeter closed")  # the last words, too
        assert (follower.returncode, errors) == (0, f"Deployment {errors.split()[1]} has stopped.\n")


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_another_terminal_stops_a_deployment_in_order(folder: Path, deployer: str) -> None:
    write_config(folder, "serve")
    with running(folder, deployer, "deploy") as process:
        wait_line(process.stdout if deployer == "single" else process.stderr, "hello world")
        record = the_record()

        stopping = weaverlab(folder, "stop", record.id)

        output, errors = process.communicate(timeout=20)
        said = errors + output
        assert (stopping.returncode, stopping.stdout) == (0, f"Stopped {record.id} (greetings.App).\n")
        assert process.returncode == 0
        assert said.index("app closed") < said.index("greeter closed") < said.index("Stopped, as another process asked")


def test_of_several_deployments_one_is_named_by_the_beginning_of_its_id(folder: Path) -> None:
    write_config(folder, "serve")
    with ExitStack() as stack:
        for deployer in ("single", "multi"):
            process = stack.enter_context(running(folder, deployer, "deploy"))
            wait_line(process.stderr, "Running.")
        _, second = registry.running()

        which = weaverlab(folder, "logs")
        wrong = weaverlab(folder, "status", "xyz")

        assert which.returncode == wrong.returncode == 2
        assert which.stderr.startswith("Error: 2 deployments run: give more of the id of one.")
        assert f"\n  {second.id}  greetings.App on multi, process {second.pid}" in which.stderr
        assert wrong.stderr.startswith("Error: no deployment begins with 'xyz'.")
        assert len(weaverlab(folder, "status").stdout.splitlines()) == 4
        assert weaverlab(folder, "single", "logs").returncode == 0  # there is one only


def test_after_a_crash_nothing_is_shown(folder: Path, terminal: subprocess.Popen[str]) -> None:
    terminal.kill()
    terminal.wait()

    assert weaverlab(folder, "status").stdout.startswith("Nothing is deployed")


def test_purge_says_what_a_crash_has_left(folder: Path, sockets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", sockets)  # in /tmp, a command of another test may remove it first
    write_config(folder, "serve")
    with running(folder, "single", "deploy") as terminal:  # which has no fork server that would clean up after it
        wait_line(terminal.stdout, "hello world")
        record = the_record()
        terminal.kill()
        terminal.wait()

    purged = weaverlab(folder, "purge")

    assert f"{record.id}.json" in purged.stdout
    assert os.path.dirname(record.address.removeprefix("unix:")) in purged.stdout
    again = weaverlab(folder, "purge", "--json").stdout
    assert not any(record.id in path or sockets in path for path in json.loads(again)["removed"])


def test_who_follows_the_logs_of_a_deployer_that_is_killed_is_told(
    folder: Path, terminal: subprocess.Popen[str]
) -> None:
    with running(folder, "logs", "--follow") as follower:
        wait_line(follower.stdout, "hello world")

        terminal.kill()

        assert follower.wait(timeout=20) == 0
        wait_line(follower.stderr, "has stopped.")


def test_a_deployer_that_hangs_is_listed_as_such(folder: Path, terminal: subprocess.Popen[str]) -> None:
    hanging = "import sys; from weaverlab.deployers import attached; attached.ANSWER_TIMEOUT_S = 0.3\n"
    command = hanging + "from weaverlab.cli import main; sys.argv = ['weaverlab', 'status']; main()"
    terminal.send_signal(signal.SIGSTOP)
    try:
        done = weaverlab(folder, code=command)
    finally:
        terminal.send_signal(signal.SIGCONT)

    assert done.returncode == 0
    assert "no answer" in done.stdout
    assert f"(process {terminal.pid}) does not answer" in done.stdout


def test_the_tab_key_completes_components_of_what_answers(folder: Path, terminal: subprocess.Popen[str]) -> None:
    asked = {"_WEAVERLAB_COMPLETE": "bash_complete", "COMP_WORDS": "weaverlab logs --component G", "COMP_CWORD": "3"}

    assert weaverlab(folder, environment=asked).stdout == "plain,Greeter\n"
    terminal.send_signal(signal.SIGSTOP)
    try:
        assert weaverlab(folder, environment=asked).stdout == "\n"
    finally:
        terminal.send_signal(signal.SIGCONT)


def test_another_version_of_weaverlab_is_refused_with_both_named(folder: Path) -> None:
    kept = registry.register(Record("0a1b2c3d", "old.App", "multi", "0.0.9", os.getpid(), 5.0, "unix:/nowhere", "00"))

    refused = weaverlab(folder, "logs", "0a")
    listed = weaverlab(folder, "status")
    kept.release()

    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"runs on WeaverLab 0.0.9, this is {WEAVERLAB_VERSION}" in refused.stderr
    assert listed.returncode == 0 and "runs on WeaverLab 0.0.9" in listed.stdout
