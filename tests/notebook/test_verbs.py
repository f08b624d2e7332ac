"""`%weaver` has the verbs of the command line: first for what this notebook deployed, then for everything else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebook.cells import IMPORTS, SHOP
from tests.notebook.kernel import Kernel
from weaverlab import registry
from weaverlab.registry import Record

pytestmark = pytest.mark.slow

MAIN = """
class App(Main):
    storage: Ref[Storage]

    def main(self) -> None:
        self.logger.info("main runs: %d", self.storage.store(Post("1", "a")) > 0)

    def shutdown(self) -> None:
        print("app closed")
"""

FILE = """
from weaverlab import Component, Main, Ref
class Greeter(Component):
    def greet(self, name: str) -> str: return "hello " + name
class App(Main):
    greeter: Ref[Greeter]
    def main(self) -> None: self.logger.info(self.greeter.greet("%s"))
"""


@pytest.fixture
def elsewhere(kernel: Kernel) -> Iterator[Record]:
    """A deployment of another process, which cannot be asked."""
    kept = registry.register(Record("0a1b2c3d", "old.App", "multi", "0.0.9", os.getpid(), 5.0, "unix:/nowhere", "00"))
    yield Record("0a1b2c3d", "old.App", "multi", "0.0.9", os.getpid(), 5.0)
    kept.release()


def deploy(kernel: Kernel) -> str:
    """Deploy the shop and return its id."""
    kernel.run_all(*SHOP, "%weaver deploy")
    return kernel.ask("weaver.current().id").strip("'")


def test_logs_are_those_of_this_notebook_also_after_it_has_been_stopped(kernel: Kernel) -> None:
    deploy(kernel)

    running = kernel.run_all("%weaver logs")
    kernel.run_all("%weaver stop")

    assert "storage opens" in running.text
    assert "storage opens" in kernel.run_all("%weaver logs --component Storage").text
    assert "Did you mean 'Storage'?" in kernel.run("%weaver logs --component Storge").traceback
    assert '"message": "storage opens"' in kernel.run_all("%weaver logs --json").text


def test_the_call_graph_is_a_live_picture(kernel: Kernel) -> None:
    deploy(kernel)

    run = kernel.run_all("%weaver callgraph")

    [shown] = run.displays.values()
    assert "application/vnd.jupyter.widget-view+json" in shown and "-> Storage" in shown["text/plain"]


def test_the_call_graph_of_a_file_is_a_picture_or_text(kernel: Kernel) -> None:
    kernel.run_all(f"open('drawn.py', 'w').write({FILE!r})")

    [shown] = kernel.run_all("%weaver callgraph drawn.py").displays.values()
    mermaid = kernel.run_all("%weaver callgraph drawn.py --format mermaid")

    assert "image/svg+xml" in shown and "-> Greeter" in shown["text/plain"]
    assert mermaid.text.startswith("flowchart LR")


def test_inspect_tells_what_the_notebook_defines_now(kernel: Kernel) -> None:
    kernel.run_all(*SHOP)

    said = kernel.run_all("%weaver inspect").text

    assert "Upload     Upload     Storage" in said and "fetch(post_id: str) -> __main__.Post" in said


def test_a_terminal_sees_and_stops_what_a_notebook_deployed(kernel: Kernel) -> None:
    deployment_id = deploy(kernel)
    command = [sys.executable, "-m", "weaverlab.cli"]

    listed = subprocess.run([*command, "status"], capture_output=True, text=True, timeout=30)
    stopped = subprocess.run([*command, "stop", deployment_id], capture_output=True, text=True, timeout=30)

    assert f"{deployment_id}  Upload and 1 more  multi     running" in listed.stdout
    assert (stopped.returncode, stopped.stdout) == (0, f"Stopped {deployment_id} (Upload and 1 more).\n")
    assert "It has been stopped" in kernel.run_all("%weaver status").text
    assert kernel.children() == []


def test_a_notebook_sees_what_runs_elsewhere(kernel: Kernel, elsewhere: Record) -> None:
    assert "0a1b2c3d" not in kernel.run_all("%weaver status").all_text
    assert "0a1b2c3d  old.App  multi" in kernel.run_all("%weaver multi status").text
    assert "runs on WeaverLab 0.0.9" in kernel.run("%weaver logs 0a").traceback
    assert "0a1b2c3d" in kernel.run("%weaver stop 9").traceback


def test_run_deploys_a_file_here_and_its_newest_version_when_it_is_run_again(kernel: Kernel) -> None:
    kernel.run_all(IMPORTS, f"open('greeting.py', 'w').write({FILE % 'world'!r})")
    first = kernel.run_all("%weaver run greeting.py")
    kernel.wait(lambda: "hello world" in first.text)

    kernel.run_all(f"open('greeting.py', 'w').write({FILE % 'you all'!r})")
    again = kernel.run_all("%weaver run greeting.py")

    kernel.wait(lambda: "hello you all" in again.text)
    assert "running on single" in again.all_text
    assert kernel.ask("weaver.current().get('Greeter').greet('ann')") == "'hello ann'"
    assert "It is stale" not in kernel.run_all("%weaver status").text


def test_deploy_of_multi_runs_what_a_weaver_toml_names(kernel: Kernel) -> None:
    kernel.run_all(
        f"open('greeted.py', 'w').write({FILE % 'toml'!r})",
        "open('greeted.toml', 'w').write('[weaverlab]\\napp = \"greeted.py\"\\n')",
    )

    run = kernel.run_all("%weaver multi deploy greeted.toml")

    kernel.wait(lambda: "hello toml" in run.text)
    assert "running on multi" in run.all_text and len(kernel.children()) == 2


def test_weaver_run_returns_a_deployment_whose_body_runs(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, MAIN)

    run = kernel.run_all("app = weaver.run(App)")

    kernel.wait(lambda: "main runs: 1" in run.text)
    assert kernel.ask("app is weaver.current(), app.is_running, type(app).__name__") == "(True, True, 'Deployment')"
    assert "It is stale" not in kernel.run_all("%weaver status").text
    assert kernel.run_all("%weaver stop").text.startswith("Stopped.\n")


def test_deploying_a_main_begins_its_body(kernel: Kernel) -> None:
    kernel.run_all(*SHOP, MAIN)

    run = kernel.run_all("%weaver deploy")

    kernel.wait(lambda: "main runs: 1" in run.text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("logs --levl info", "No such option"),
        ("logs --level loud", "'loud' is not one of"),
        ("multi stats", "No such command 'stats'"),
        ("callgraph", "nothing is deployed in this notebook. Run %weaver deploy first, or name a file or an id."),
        ("inspect", "this notebook defines no component"),
        ("inspect nothing.py", "nothing.py: expected the path of a Python file that exists"),
        ("run", "the following arguments are required: file"),
        ("run nothing.py", "nothing.py: expected the path of a Python file that exists"),
        ("run app.py --deployer rpc", "invalid choice: 'rpc'"),
        ("callgraph xyz", "nothing is deployed"),
    ],
)
def test_wrong_words_are_told_and_the_kernel_goes_on(new_kernel_once: Kernel, line: str, said: str) -> None:
    run = new_kernel_once.run(f"%weaver {line}")

    assert said in run.traceback and "weaverlab/" not in run.traceback
    assert new_kernel_once.ask("1 + 1") == "2"


@pytest.fixture(scope="module")
def new_kernel_once(tmp_path_factory: pytest.TempPathFactory, kernel_environment: dict[str, str]) -> Iterator[Kernel]:
    """A kernel in which nothing was ever deployed."""
    kernel = Kernel(tmp_path_factory.mktemp("notebook"), kernel_environment)
    kernel.run(IMPORTS)
    yield kernel
    kernel.close(now=True)


def test_help_of_a_verb_is_shown_and_the_kernel_goes_on(kernel: Kernel) -> None:
    assert "Usage: %weaver logs [OPTIONS] [ID]" in kernel.run_all("%weaver logs --help").text
    assert "Nothing was left behind." in kernel.run_all("%weaver purge").text
    assert kernel.run_all("%weaver version").text.count(".") == 2


def test_servers_of_a_notebook_have_their_password_in_its_environment(kernel: Kernel) -> None:
    kernel.run("import os")

    up = kernel.run_all("%weaver servers up redis --lag 20ms").text
    password = kernel.ask("len(os.environ['WEAVERLAB_REDIS_PASSWORD'])")
    status = kernel.run_all("%weaver servers status").text
    down = kernel.run_all("%weaver servers down redis").text

    assert "redis: primary 127.0.0.1:" in up and "Measured lag: 2" in up
    assert password == "32"
    assert any(line.startswith("redis ") for line in status.splitlines())  # other tests may have servers up
    assert "Took redis down." in down
    assert kernel.ask("'WEAVERLAB_REDIS_PASSWORD' in os.environ") == "False"
    assert "No such option" in kernel.run("%weaver servers up redis --lagg 1").traceback


def test_the_tab_key_completes_verbs_options_ids_components_and_files(kernel: Kernel, elsewhere: Record) -> None:
    kernel.run_all(*SHOP, "open('app_to_run.py', 'w').close()")

    assert kernel.complete("%weaver st") == ["status", "stop"]
    assert kernel.complete("%weaver multi st") == ["status", "stop"]
    assert kernel.complete("%weaver logs --fol") == ["--follow"]
    assert kernel.complete("%weaver logs 0") == ["0a1b2c3d"]
    assert kernel.complete("%weaver run app_to") == ["app_to_run.py"]
    assert "app_to_run.py" in kernel.complete("%weaver callgraph app_to")


def test_this_process_is_asked_for_nothing_it_does_not_have(tmp_path: Path) -> None:
    """`weaver.run` outside of a notebook runs to the end, and then returns what has been stopped."""
    (tmp_path / "plain.py").write_text(
        "import weaverlab as weaver\n"
        "class App(weaver.Main):\n    def main(self) -> None: print('body')\n"
        "if __name__ == '__main__':\n    print(weaver.run(App).status().state)\n"
    )

    done = subprocess.run([sys.executable, "plain.py"], cwd=tmp_path, capture_output=True, text=True, timeout=30)

    assert done.stdout == "body\nstopped\n"


def test_an_experiment_runs_in_a_notebook_and_its_results_show_themselves(kernel: Kernel) -> None:
    coins = Path("experiments/README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    script = Path("experiments/coins/run.py")
    kernel.run_all("from pathlib import Path", f"Path({str(script)!r}).parent.mkdir(parents=True, exist_ok=True)")
    kernel.run_all(f"_ = Path({str(script)!r}).write_text({coins!r})")

    magic = kernel.run_all("%weaver experiment run coins --repeats 3")
    returned = kernel.run_all("from weaverlab import experiment", "experiment.run('coins', repeats=3)")

    assert "6/6 coin " in magic.text and "heads (95 % interval)" in magic.text
    assert "coins: 3 repeats, seed 1." in returned.result


def test_a_run_that_fails_ends_its_cell_with_an_error(kernel: Kernel) -> None:
    source = """
from dataclasses import dataclass
from weaverlab.experiment import sweep
@dataclass(frozen=True)
class Cell:
    coin: str
def measure(run, tell):
    raise OSError("the coin is gone")
def main(options):
    return sweep("lost", [Cell("fair")], measure, options)
"""
    kernel.run_all("from pathlib import Path", "Path('experiments/lost').mkdir(parents=True, exist_ok=True)")
    kernel.run_all(f"_ = Path('experiments/lost/run.py').write_text({source!r})")

    run = kernel.run("%weaver experiment run lost --quick")

    assert run.error == "WeaverError" and "has failed" in run.traceback
    assert "OSError: the coin is gone" in run.text
