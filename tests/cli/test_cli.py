"""The command line as its users meet it: a real process, its output, its exit code."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.cli.terminal import running, wait_line, weaverlab, write_config
from weaverlab.cli.endings import run_command
from weaverlab.config import parse

pytestmark = pytest.mark.usefixtures("no_process_left")


def test_run_runs_a_file_in_one_process(folder: Path) -> None:
    done = weaverlab(folder, "run", "greetings.py")

    assert (done.returncode, done.stdout) == (0, "hello world\n")
    assert done.stderr.index("app closed") < done.stderr.index("greeter closed")  # callers before callees


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_deploy_runs_what_weaver_toml_names(folder: Path, deployer: str) -> None:
    done = weaverlab(folder, deployer, "deploy", "weaver.toml")

    assert done.returncode == 0
    assert "hello world" in done.stdout + done.stderr
    assert f"running on {deployer}" in done.stderr


def test_deploy_finds_the_application_beside_the_configuration(folder: Path) -> None:
    done = weaverlab(folder.parent, "multi", "deploy", os.path.join(folder.name, "weaver.toml"))

    assert done.returncode == 0


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_a_failing_body_is_exit_code_1_with_its_traceback(folder: Path, deployer: str) -> None:
    write_config(folder, "fail")

    done = weaverlab(folder, deployer, "deploy")

    assert done.returncode == 1
    assert "RuntimeError: the body failed" in done.stderr
    assert "greetings.py" in done.stderr
    assert "click" not in done.stderr and "cli" not in done.stderr  # how we got there tells the author nothing


@pytest.mark.parametrize(("code", "said"), [("import nump", "No module named 'nump'"), ("class App(", "SyntaxError")])
def test_a_file_that_cannot_be_imported_is_shown_from_its_own_line_on(folder: Path, code: str, said: str) -> None:
    (folder / "broken.py").write_text(code)

    done = weaverlab(folder, "run", "broken.py")

    assert done.returncode == 1
    assert said in done.stderr
    files = [line for line in done.stderr.splitlines() if line.startswith("  File")]
    assert len(files) == 1 and "broken.py" in files[0]


def test_a_fault_of_weaverlab_itself_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(parse) == 1  # called without its argument, so the innermost frame is one of ours

    assert "in run_command" in capsys.readouterr().err


@pytest.mark.parametrize("deployer", ["single", "multi"])
def test_a_body_that_exits_decides_the_exit_code(folder: Path, deployer: str) -> None:
    write_config(folder, "exit")

    assert weaverlab(folder, deployer, "deploy").returncode == 5


@pytest.mark.parametrize("deployer", ["single", "multi"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_stops_everything_in_order(folder: Path, deployer: str, number: signal.Signals, code: int) -> None:
    write_config(folder, "serve")
    with running(folder, deployer, "deploy") as process:
        wait_line(process.stdout if deployer == "single" else process.stderr, "hello world")

        process.send_signal(number)

        output, errors = process.communicate(timeout=20)
        assert process.returncode == code
        said = errors + output
        assert said.index("app closed") < said.index("greeter closed") < said.index("Stopped.")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["run", "nothing.py"], "nothing.py: expected the path of a Python file that exists"),
        (
            ["run", "weaver.toml"],
            "Python file that exists. To deploy what a weaver.toml names: weaverlab multi deploy weaver.toml",
        ),
        (
            ["run", "greeting.py"],
            "expected the path of a Python file that exists. Did you mean 'greetings.py'?",
        ),
        (
            ["multi", "deploy", "greetings.py"],
            "expected a weaver.toml, not a Python file. To run that: weaverlab run",
        ),
        (["run", "empty.py"], "empty.py: expected one class derived from weaverlab.Main, found none"),
        (["run", "greetings.py", "--config", "missing.toml"], "missing.toml: cannot read the configuration"),
        (["multi", "deploy", "missing.toml"], "missing.toml: cannot read the configuration"),
        (["multi", "deploy", "bare.toml"], 'which application? Add a line to [weaverlab]: app = "app.py"'),
        (["multi", "deploy", "wrong.toml"], "Did you mean 'App'"),
        (
            ["multi", "deploy", "lost.toml"],
            "[weaverlab] app: there is no file 'greeting.py'. Did you mean 'greetings.py'?",
        ),
        (["multi", "deploy", "syntax.toml"], "line 1"),
        (["deploy"], "No such command"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_clear_message(folder: Path, args: list[str], said: str) -> None:
    (folder / "empty.py").write_text("")
    (folder / "bare.toml").write_text("")
    (folder / "wrong.toml").write_text('[weaverlab]\napp = "greetings.py"\n[Ap]\nmode = "once"\n')
    (folder / "lost.toml").write_text('[weaverlab]\napp = "greeting.py"\n')
    (folder / "syntax.toml").write_text("[weaverlab\n")

    done = weaverlab(folder, *args)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_all_faults_of_a_weaver_toml_are_told_in_one_run(folder: Path) -> None:
    (folder / "weaver.toml").write_text(
        '[weaverlab]\napp = "greetings.py"\ncall_timeout_s = "soon"\n[Ap]\nmode = "once"\n[App]\nmode = 5\n'
    )

    done = weaverlab(folder, "multi", "deploy")

    assert done.returncode == 2 and "Error: 3 faults:" in done.stderr
    for fault in ("call_timeout_s: expected float", "Did you mean 'App'?", "mode: expected str"):
        assert fault in done.stderr


def test_help_shows_the_verbs() -> None:
    done = weaverlab(Path.cwd(), "--help")

    assert done.returncode == 0
    for verb in ("run", "multi", "single", "experiment", "version"):
        assert verb in done.stdout


def test_the_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    assert weaverlab(Path.cwd(), "version").stdout.strip() == version("weaverlab")
