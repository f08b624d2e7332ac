"""Applications in files: drawn and described without being deployed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.terminal import weaverlab
from weaverlab import registry

pytestmark = pytest.mark.usefixtures("no_process_left")


def test_the_call_graph_of_a_file_is_drawn_without_running_it(folder: Path) -> None:
    text = weaverlab(folder, "callgraph", "greetings.py")
    mermaid = weaverlab(folder, "callgraph", "greetings.py", "--format", "mermaid")
    svg = weaverlab(folder, "callgraph", "weaver.toml", "--format", "svg", "--output", "graph.svg")

    assert text.stdout == "App  [1 replica]\n  -> Greeter  [1 replica]  not called\n"
    assert mermaid.stdout.startswith("flowchart LR\n")
    assert (svg.returncode, svg.stdout) == (0, "")
    assert (folder / "graph.svg").read_text().startswith("<svg") and registry.running() == []


def test_an_application_is_described_without_running_it(folder: Path) -> None:
    text = weaverlab(folder, "inspect", "greetings.py").stdout
    facts = json.loads(weaverlab(folder, "inspect", "weaver.toml", "--json").stdout)

    assert "App (main)  App        Greeter  -          -           Settings" in text
    assert "greet(name: str) -> str" in text
    assert set(facts) == {"version", "components", "edges"} and facts["edges"] == [["App", "Greeter"]]
    greeter, app = facts["components"]
    assert greeter["methods"] == [
        {"name": "greet", "signature": "(name: str) -> str", "is_async": False, "is_retriable": True}
    ]
    assert (app["refs"], app["settings"], app["is_main"]) == ({"greeter": "Greeter"}, "Settings", True)


def test_the_version_of_a_file_is_that_of_its_deployment(folder: Path) -> None:
    facts = json.loads(weaverlab(folder, "inspect", "weaver.toml", "--json").stdout)

    done = weaverlab(folder, "multi", "deploy")

    assert f"(version {facts['version']})" in done.stderr


def test_a_file_without_main_is_described_by_all_its_components(folder: Path) -> None:
    (folder / "parts.py").write_text(
        "from weaverlab import Antipode, Component\n"
        "class One(Component):\n    posts: Antipode\n"
        "class Two(Component): ..."
    )

    drawn = weaverlab(folder, "callgraph", "parts.py")

    assert drawn.stdout == "One  [1 replica]\n  ~> posts\nTwo  [1 replica]\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["inspect", "nothing.py"], "nothing.py: expected the path of a Python file that exists"),
        (["inspect", "nothing.toml"], "nothing.toml: cannot read the configuration"),
        (["inspect", "empty.py"], "empty.py: defines no component"),
        (["callgraph", "greetings.py", "--output", "/proc/x"], "--output /proc/x: "),
        (["callgraph", "greetings.py", "--format", "png"], "'png' is not one of 'text', 'mermaid', 'svg'"),
        (["experiment", "run", "any", "--rate", "1e9"], "is not in the range"),
        (["experiment", "run", "only", "--output", "/proc/x"], "/proc/x: cannot make this folder for results"),
        (["stop"], "Missing argument 'ID'"),
        (["stop", "4f", "--drain", "-1"], "is not in the range"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        (["stats"], "No such command 'stats'"),
    ],
)
def test_wrong_use_is_one_clear_message(folder: Path, args: list[str], said: str) -> None:
    (folder / "empty.py").write_text("")
    (folder / "experiments" / "only").mkdir(parents=True)
    (folder / "experiments" / "only" / "run.py").write_text("def main(options): ...")

    done = weaverlab(folder, *args)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and "Traceback" not in done.stderr
