"""The command line as its users meet it: a real process, its output, its exit code."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
from pathlib import Path

import pytest

from tests.cli.terminal import running, wait_line, weaverlab, write_config
from weaverlab.cli.endings import run_command
from weaverlab.config import parse
from weaverlab.wire.handshake import MESSAGE_BYTES

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


def test_deploy_with_mtls_lets_in_nobody_without_a_certificate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(folder, "serve")
    with (folder / "weaver.toml").open("a") as config:
        config.write("[multi]\nmtls = true\n")
    with tempfile.TemporaryDirectory(prefix="wl-") as sockets:
        monkeypatch.setenv("XDG_RUNTIME_DIR", sockets)
        with running(folder, "multi", "deploy") as process:
            wait_line(process.stderr, "hello world")  # from one process to the other, through TLS

            weavelets = [path for path in Path(sockets).rglob("*.sock") if path.name != "admin.sock"]
            for path in weavelets:
                with socket.socket(socket.AF_UNIX) as stranger:
                    stranger.connect(str(path))
                    stranger.sendall(bytes(MESSAGE_BYTES))

                    wait_line(process.stderr, "refused a connection: TLS: it does not speak TLS")
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    assert len(weavelets) == 2 and process.returncode == 130


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
        (
            ["run", "empty.py"],
            "empty.py: expected one class derived from weaverlab.Main, found none. Write one: class App(Main)",
        ),
        (["run", "greetings.py", "--config", "missing.toml"], "missing.toml: cannot read the configuration"),
        (["multi", "deploy", "missing.toml"], "missing.toml: cannot read the configuration"),
        (["multi", "deploy", "bare.toml"], 'which application? Add a line to [weaverlab]: app = "app.py"'),
        (["multi", "deploy", "wrong.toml"], "Did you mean 'App'"),
        (
            ["multi", "deploy", "lost.toml"],
            "[weaverlab] app: there is no file 'greeting.py'. Did you mean 'greetings.py'?",
        ),
        (["multi", "deploy", "syntax.toml"], "line 1"),
        (["deploy"], "No such command 'deploy'. There is: weaverlab single deploy, weaverlab multi deploy."),
        (["multi", "run"], "No such command 'run'. There is: weaverlab run, weaverlab experiment run."),
        (["nonesuch"], "No such command 'nonesuch'.\n"),
        (["run", "folder.py"], "folder.py: expected the path of a Python file that exists. That is a folder.\n"),
        (["run", "utf16.py"], "utf16.py: is no Python file: it has null bytes in it. Save it as text in UTF-8."),
        (["run", "two.py"], "found App, Other. Leave one of them in this file."),
        (["stop", ""], "which deployment? Give the beginning of its id: weaverlab status shows it."),
        (["stop", "4f", "--drain", "nan"], "'nan' is not a valid number"),
    ],
)
def test_wrong_use_is_exit_code_2_and_one_clear_message(folder: Path, args: list[str], said: str) -> None:
    (folder / "empty.py").write_text("")
    (folder / "folder.py").mkdir()
    (folder / "utf16.py").write_text("x = 1\n", encoding="utf-16")
    (folder / "two.py").write_text("from weaverlab import Main\nclass App(Main): ...\nclass Other(Main): ...\n")
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


@pytest.mark.parametrize("is_there", [True, False])
def test_a_weaver_toml_that_was_not_given_is_not_read_and_what_it_lacks_is_not_blamed_on_it(
    folder: Path, is_there: bool
) -> None:
    (folder / "lab").mkdir()
    (folder / "lab" / "posts.py").write_text(
        "from weaverlab import Antipode, Main\n"
        "class App(Main):\n    posts: Antipode\n    def main(self) -> None: print('it runs')\n"
    )
    if is_there:
        (folder / "lab" / "weaver.toml").write_text("[antipode.posts]\ntype = 'embedded-kv'\n")

    done = weaverlab(folder, "run", "lab/posts.py")

    seen = "lab/weaver.toml (there, but not given as --config or config=)" if is_there else "no weaver.toml given"
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {seen}: [antipode.posts]: missing: the application has a datastore agent")
    if is_there:
        assert "it runs" in weaverlab(folder, "run", "lab/posts.py", "--config", "lab/weaver.toml").stdout
