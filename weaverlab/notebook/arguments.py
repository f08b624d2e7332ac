"""The words after `%weaver deploy` and `%weaver run`, as data. Pure: what they name is looked up elsewhere.

The words of all other verbs are the command line's.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn, get_args

from weaverlab.errors import FaultsError, nearest

VERBS = (
    *("deploy", "run", "status", "stop", "logs", "callgraph", "inspect", "purge", "servers", "version"),
    *("single", "multi", "experiment"),
)
DeployerName = Literal["multi", "single"]
OPTIONS = ("--replicas", "--colocate", "--config", "--deployer")
RUN_OPTIONS = ("--config", "--deployer")
CONFIG_FILE = "weaver.toml"

USAGE = """\
%weaver deploy [COMPONENT ...]    deploy these components, or all that this notebook defines, and what they reach
    --replicas X=2                this many weavelets for X; give it again, or X=2,Y=3, for others
    --colocate A,B                these share a weavelet; may be given again
    --config weaver.toml          the file to configure it with
    --deployer multi|single       processes of their own (multi, the default), or all in this kernel
%weaver run app.py|weaver.toml    deploy the application of a file in this kernel, its main() in the background
    --config, --deployer          as above, but single is the default
%weaver status                    what runs here, and whether the notebook has changed since
%weaver stop                      stop it
%weaver logs [--follow]           what it has said: --level warning, --component X
%weaver callgraph                 which component calls which
%weaver inspect                   what this notebook's components consist of
%weaver purge                     remove what killed deployments and servers left
%weaver servers up mariadb        real servers with a lag; also status, pause, resume, down
%weaver version                   of WeaverLab
%weaver experiment run NAME       run an experiment of this checkout, with the options of the command line
From status on, they take the words of the command line as well: an id or a file (%weaver stop 4f, %weaver callgraph
app.py), --json, --help. %weaver multi status, or single, shows what runs in all notebooks and terminals."""


class WrongUse(FaultsError):
    """The magic was called wrongly; nothing was done."""


@dataclass(frozen=True)
class DeployArguments:
    """What was asked for: names and numbers, nothing looked up yet."""

    names: tuple[str, ...] = ()
    replicas: tuple[tuple[str, int], ...] = ()
    colocate: tuple[tuple[str, ...], ...] = ()
    config: str | None = None
    deployer: DeployerName = "multi"


def split_verb(line: str) -> list[str]:
    """Return the verb of a `%weaver` line and the words after it, without a comment at its end.

    Raises:
        WrongUse: there is no verb, which shows the usage, or an unknown one, or an open quotation mark.
    """
    try:
        verb, *words = shlex.split(line, comments=True) or [""]
    except ValueError as error:
        raise WrongUse([f"%weaver {line}: {error}."]) from None
    if verb not in VERBS:
        if not verb:
            raise WrongUse([f"%weaver: what to do?\n{USAGE}"])
        there_are = f"There are: {', '.join(VERBS)}. %weaver? explains."
        raise WrongUse([f"%weaver: there is no verb {verb!r}.{nearest(verb, VERBS)} {there_are}"])
    return [verb, *words]


def parse_deploy(words: Sequence[str], faults: list[str]) -> DeployArguments:
    """Return what `words` ask for; what is wrong with them is added to `faults`, and left out."""
    try:
        found, unknown = _parser().parse_known_intermixed_args(list(words))
    except WrongUse as error:
        faults += error.faults
        return DeployArguments()
    options = [word.partition("=")[0] for word in unknown if word.startswith("-")]  # other words are their values
    faults += [f"there is no option {option}.{nearest(option, OPTIONS)}" for option in options]
    if found.deployer not in get_args(DeployerName):
        faults.append(f"--deployer {found.deployer}: expected multi or single.")
    return DeployArguments(
        names=_names(found.names),
        replicas=tuple(_count(word, faults) for word in _names(found.replicas)),
        colocate=tuple(_names([word]) for word in found.colocate),
        config=found.config,
        deployer=found.deployer,
    )


@dataclass(frozen=True)
class RunArguments:
    """Which file to run, and how."""

    file: str
    config: str | None
    deployer: DeployerName


def parse_run(words: Sequence[str]) -> RunArguments:
    """Return what the words after `%weaver run` ask for.

    Raises:
        WrongUse: with the usage.
    """
    parser = _Parser(prog="%weaver run", add_help=False, allow_abbrev=False)
    parser.add_argument("file")
    parser.add_argument("--config")
    parser.add_argument("--deployer", default="single", choices=get_args(DeployerName))
    found = parser.parse_args(list(words))
    return RunArguments(found.file, found.config, found.deployer)


def deploy_as_run(words: Sequence[str]) -> list[str] | None:
    """Return the words of `run` that mean the same as `multi deploy [CONFIG]`, None for anything else."""
    if len(words) < 2 or words[0] not in get_args(DeployerName) or words[1] != "deploy":
        return None
    return [*(words[2:] or [CONFIG_FILE]), "--deployer", words[0]]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongUse([f"{message}\n{USAGE}"])  # argparse would end the kernel


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="%weaver deploy", add_help=False, allow_abbrev=False)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--replicas", action="append", default=[], metavar="X=2")
    parser.add_argument("--colocate", action="append", default=[], metavar="A,B")
    parser.add_argument("--config")
    parser.add_argument("--deployer", default="multi")
    return parser


def _names(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for word in words for name in word.split(",") if name)


def _count(word: str, faults: list[str]) -> tuple[str, int]:
    name, _, count = word.partition("=")
    if not name or not count.isdecimal() or int(count) < 1:
        faults.append(f"--replicas {word}: expected a component and a number from 1, such as Reader=2.")
        return name, 1
    return name, int(count)
