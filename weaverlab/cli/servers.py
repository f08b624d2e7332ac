"""`servers`: real datastore servers on this machine; see `weaverlab.servers`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from weaverlab.cli.output import JSON, print_json, print_text
from weaverlab.cli.words import Verbs
from weaverlab.errors import ConfigError, nearest

if TYPE_CHECKING:
    from weaverlab.servers import Group
    from weaverlab.servers.spec import Spec

NOTHING = "No servers run. To start some: weaverlab servers up mariadb --lag 100ms"


@click.group(cls=Verbs, short_help="Start real datastores with a lag.")
def servers() -> None:
    """Start real datastore servers on this machine: a primary, and replicas that are late by a lag that is measured.

    They are processes of this machine's own programs, in a temporary directory, on free ports of 127.0.0.1, for
    experiments and tests. They live until they are taken down.
    """


def _names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from weaverlab.servers import records

    names = [record.name for record in records.running()]
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _kinds(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from weaverlab.servers import KINDS

    return [CompletionItem(kind) for kind in KINDS if kind.startswith(incomplete)]


NAME = click.argument("name", metavar="[NAME]", default="", shell_complete=_names)


@servers.command("up", short_help="Start a primary and its replicas.")
@click.argument("kind", metavar="redis|mariadb|postgres|rabbitmq", shell_complete=_kinds)
@click.option("--replicas", default="1", show_default=True, metavar="N", help="How many follow the primary.")
@click.option("--lag", default="0ms", show_default=True, metavar="TIME", help="By how much they are late, as 100ms.")
@click.option(
    "--jitter", default="0ms", show_default=True, metavar="TIME", help="The lag differs by this, up and down."
)
@JSON
def up(kind: str, replicas: str, lag: str, jitter: str, as_json: bool) -> None:
    """Start a primary and its replicas, and measure by how much these are late.

    They live on until `weaverlab servers down`. What is printed tells where they are, what to write into weaver.toml,
    and how to have the password in a shell. In a notebook it is in the environment already.

    \b
    Examples:
      weaverlab servers up mariadb --lag 100ms
      weaverlab servers up redis --replicas 2 --lag 80ms --jitter 20ms
    """
    from weaverlab import servers as real

    spec = _read(kind, replicas, lag, jitter)
    with real.up(spec.kind, replicas=spec.replicas, lag_ms=spec.lag_ms, jitter_ms=spec.jitter_ms) as group:
        _show(group, as_json)
        group.stay()  # last: until here, Ctrl-C takes everything down


@servers.command("status", short_help="Show which servers run.")
@NAME
@JSON
def status(name: str, as_json: bool) -> None:
    """Show which servers of this user run, also those of running tests and experiments; with NAME, one group of them.

    \b
    Examples:
      weaverlab servers status
      weaverlab servers status mariadb
    """
    from weaverlab import servers as real
    from weaverlab.servers.words import listing_text, state_dict

    if name:
        _show(_find(name), as_json)
        return
    states = [group.state() for group in real.running()]
    if as_json:
        print_json([state_dict(state) for state in states])
    else:
        print_text(listing_text(states) if states else NOTHING)


@servers.command("down", short_help="Take servers down and remove their files.")
@NAME
def down(name: str) -> None:
    """Take servers down and remove their files: those of NAME, or all that `weaverlab servers up` has started.

    Servers of a program that runs (a test, an experiment, a notebook) are taken down by that program only.

    \b
    Examples:
      weaverlab servers down mariadb
      weaverlab servers down
    """
    from weaverlab import servers as real

    groups = [_find(name)] if name else [group for group in real.running() if group.state().stays]
    if name and not groups[0].state().stays:
        raise ConfigError([f"servers {name!r} belong to a program that runs and takes them down itself; stop that."])
    for group in groups:
        group.down()
        print_text(f"Took {group.name} down.")
    if not groups:
        print_text("No servers run that `weaverlab servers up` has started.")


@servers.command("pause", short_help="Pause replication.")
@NAME
def pause(name: str) -> None:
    """Pause replication: what is written from now on reaches no replica. NAME may be left out when one group runs.

    \b
    Example:
      weaverlab servers pause mariadb
    """
    group = _find(name)
    group.pause()
    print_text(f"Replication of {group.name} is paused. To go on: weaverlab servers resume {group.name}")


@servers.command("resume", short_help="Go on with replication.")
@NAME
def resume(name: str) -> None:
    """Go on with replication: what was held back arrives at once, in order.

    \b
    Example:
      weaverlab servers resume mariadb
    """
    group = _find(name)
    group.resume()
    print_text(f"Replication of {group.name} goes on.")


def _read(kind: str, replicas: str, lag: str, jitter: str) -> Spec:
    """Return what was asked for. Raises ConfigError with everything that is wrong."""
    from weaverlab.servers.spec import LAG_MS_MAX, Spec

    faults: list[str] = []
    spec = Spec(
        kind,  # type: ignore[arg-type]
        _count(replicas, faults),
        _milliseconds("--lag", lag, faults, instead=LAG_MS_MAX),  # with which any jitter goes
        _milliseconds("--jitter", jitter, faults, instead=0.0),
    )
    faults += spec.faults()
    if faults:
        raise ConfigError(faults)
    return spec


def _count(text: str, faults: list[str]) -> int:
    from weaverlab.servers.spec import REPLICAS_MAX

    if not re.fullmatch(r"\d{1,9}", text):
        faults.append(f"--replicas {text}: expected a whole number from 0 to {REPLICAS_MAX}")
        return 0
    return int(text)


def _milliseconds(option: str, text: str, faults: list[str], instead: float) -> float:
    """Return what `text` says; when that is no time, note the fault and return `instead`, which makes no second one."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text)
    if match is None:
        faults.append(f"{option} {text}: expected a time with its unit, such as 100ms or 1.5s")
        return instead
    return float(match[1]) * (1000 if match[2] == "s" else 1)


def _find(name: str) -> Group:
    """Return the group of that name; with "", the only one. Raises ConfigError."""
    from weaverlab import servers as real

    groups = real.running()
    names = [group.name for group in groups]
    meant = [group for group in groups if name in ("", group.name)]
    if len(meant) == 1:
        return meant[0]
    if not groups:
        raise ConfigError([NOTHING])
    if meant:
        raise ConfigError([f"{len(groups)} groups of servers run: name one of {', '.join(names)}"])
    raise ConfigError([f"no servers run as {name!r}.{nearest(name, names)} There are: {', '.join(names)}"])


def _show(group: Group, as_json: bool) -> None:
    from weaverlab.servers.words import group_dict, group_text

    if as_json:
        print_json(group_dict(group))
    else:
        print_text(group_text(group))
