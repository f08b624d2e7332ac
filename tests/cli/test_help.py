"""Help, colours and completion: what a person at a terminal meets first."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.terminal import weaverlab
from weaverlab import registry
from weaverlab.cli.tree import weaverlab as tree
from weaverlab.registry import Record


def every_verb(group: click.Group = tree, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from every_verb(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(every_verb()), ids=" ".join)
def test_the_help_of_every_verb_has_an_example_that_is_one_of_it(path: tuple[str, ...]) -> None:
    command: click.Command = tree
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]

    examples = re.findall(r"weaverlab ([a-z ]+)", (command.help or "").partition("Example")[2])

    assert examples
    assert all(tuple(example.split()[: len(path)]) == path for example in examples)


@pytest.mark.parametrize(
    "group", ["", *(name for name, verb in tree.commands.items() if isinstance(verb, click.Group))]
)
def test_every_line_of_the_list_of_verbs_is_whole_and_in_its_own_order(group: str) -> None:
    said = weaverlab(Path.cwd(), *group.split(), "--help").stdout
    listed = said.partition("Commands:")[2].strip().splitlines()

    verbs = tree.commands[group] if group else tree
    assert isinstance(verbs, click.Group)
    assert [line.split()[0] for line in listed] == list(verbs.commands)
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete(shell: str) -> None:
    done = weaverlab(Path.cwd(), "completion", shell)

    assert done.returncode == 0 and f"_WEAVERLAB_COMPLETE={shell}_complete" in done.stdout


def completed(folder: Path, words: str) -> list[str]:
    """Return what the Tab key offers in bash at the end of `words`."""
    count = len(words.split(" ")) - 1
    asked = {"_WEAVERLAB_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = weaverlab(folder, environment=asked)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


def test_the_tab_key_completes_verbs_options_ids_and_names(folder: Path) -> None:
    (folder / "experiments" / "overtaking").mkdir(parents=True)
    (folder / "experiments" / "overtaking" / "run.py").write_text("")
    kept = registry.register(Record("0a1b2c3d", "shop.App", "multi", "0.0.9", os.getpid(), 5.0, "unix:/nowhere", "00"))

    assert completed(folder, "weaverlab st") == ["status", "stop"]
    assert completed(folder, "weaverlab multi d") == ["deploy"]
    assert completed(folder, "weaverlab logs --f") == ["--follow"]
    assert completed(folder, "weaverlab logs ") == completed(folder, "weaverlab multi stop 0a") == ["0a1b2c3d"]
    assert completed(folder, "weaverlab single stop 0a") == []
    assert completed(folder, "weaverlab logs --level w") == ["warning"]
    assert completed(folder, "weaverlab experiment run o") == ["overtaking"]
    kept.release()


@pytest.mark.parametrize(("variables", "is_coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_for_terminals_that_want_them(folder: Path, variables: dict[str, str], is_coloured: bool) -> None:
    (folder / "loud.py").write_text(
        "from weaverlab import Main\nclass App(Main):\n    def main(self) -> None: self.logger.warning('beware')"
    )
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | variables

    command = [sys.executable, "-m", "weaverlab.cli", "run", "loud.py"]
    subprocess.run(command, cwd=folder, env=environment, stdout=theirs, stderr=theirs, timeout=30, check=True)
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)

    assert "beware" in said and ("\x1b[" in said) == is_coloured
    assert "\x1b[" not in weaverlab(folder, "run", "loud.py").stderr
