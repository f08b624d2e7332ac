"""The words after `%weaver deploy`, as data. Pure: what they name is looked up in `defined` and `deployers`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn, get_args

from weaverlab.errors import FaultsError, nearest

VERBS = ("deploy", "status", "stop")
DeployerName = Literal["multi", "single"]
OPTIONS = ("--replicas", "--colocate", "--config", "--deployer")

USAGE = """\
%weaver deploy [COMPONENT ...]    deploy these components, or all that this notebook defines, and what they reach
    --replicas X=2                this many weavelets for X; give it again, or X=2,Y=3, for others
    --colocate A,B                these share a weavelet; may be given again
    --config weaver.toml          the file to configure it with
    --deployer multi|single       processes of their own (multi, the default), or all in this kernel
%weaver status                    what runs, and whether the notebook has changed since
%weaver stop                      stop it"""


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


def split_verb(line: str) -> tuple[str, list[str]]:
    """Return the verb of a `%weaver` line and the words after it.

    Raises:
        WrongUse: with the usage, when there is no verb, an unknown one, or an open quotation mark.
    """
    try:
        verb, *words = shlex.split(line) or [""]
    except ValueError as error:
        raise WrongUse([f"%weaver {line}: {error}."]) from None
    if verb not in VERBS:
        what = f"%weaver: there is no verb {verb!r}.{nearest(verb, VERBS)}" if verb else "%weaver: what to do?"
        raise WrongUse([f"{what}\n{USAGE}"])
    return verb, words


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


def no_words(verb: str, words: Sequence[str]) -> None:
    """Raise WrongUse when a verb that takes no words was given some."""
    if words:
        raise WrongUse([f"%weaver {verb} takes nothing more, but got: {' '.join(words)}"])


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
