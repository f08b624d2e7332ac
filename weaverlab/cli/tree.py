"""`weaverlab`: all verbs in one tree. What they do is in the packages below; here it is only put together."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import click
from click.shell_completion import shell_complete

from weaverlab.cli import interrupts, watching
from weaverlab.cli.completing import PROGRAM, VARIABLE, completion
from weaverlab.cli.endings import let_go_of_unread_output, listen, run_command
from weaverlab.cli.experiments import experiment
from weaverlab.cli.looking import callgraph, inspect
from weaverlab.cli.output import JSON, print_json, print_text
from weaverlab.cli.running import deploy, run
from weaverlab.cli.servers import servers
from weaverlab.cli.words import Verbs

if TYPE_CHECKING:
    from weaverlab.deployers import Deployment


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def weaverlab() -> None:
    """Run distributed applications that are written as plain Python classes.

    \b
    weaverlab run app.py                    everything in this process
    weaverlab multi deploy weaver.toml      each component in a process of its own
    weaverlab status                        what runs, from any terminal
    weaverlab logs --follow                 what it says
    weaverlab experiment run NAME           an experiment of the folder experiments/
    weaverlab servers up mariadb            a real datastore with a replica that lags

    Exit codes: 0, 1 when the application failed, 2 for wrong use, 130 after Ctrl-C, 143 after SIGTERM.
    """


@click.group(cls=Verbs, short_help="The verbs for applications in one process.")
def single() -> None:
    """Run applications in one process, and look at those."""


@click.group(cls=Verbs, short_help="The verbs for applications in processes of this machine.")
def multi() -> None:
    """Run applications in processes of this machine, and look at those."""


@click.command()
@JSON
def version(as_json: bool) -> None:
    """Print the version of WeaverLab.

    \b
    Example:
      weaverlab version
    """
    from weaverlab.runtime.version import WEAVERLAB_VERSION

    print_json({"version": WEAVERLAB_VERSION}) if as_json else print_text(WEAVERLAB_VERSION)


def run_and_exit() -> None:
    """Do what the words after `weaverlab` ask for, and end the process with its exit code."""
    if instruction := os.environ.get(VARIABLE):  # somebody has pressed the Tab key
        sys.exit(shell_complete(weaverlab, {}, PROGRAM, VARIABLE, instruction))

    def command() -> None:
        listen()
        invoke(sys.argv[1:])

    code = run_command(command)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends anyway
    interrupts.end_at_once()
    let_go_of_unread_output()
    sys.exit(code)


def invoke(args: list[str], own: Deployment | None = None, program: str = PROGRAM) -> None:
    """Do what `args` ask for. What goes wrong is raised as it is: click's own main() would swallow some of it.

    `own` is the deployment that is meant where no id is given: that of a notebook, whose magic is the `program`.
    """
    with weaverlab.make_context(program, args, obj=own) as context:
        weaverlab.invoke(context)


weaverlab.add_command(run)
for group in (single, multi):
    weaverlab.add_command(group)
    group.add_command(deploy("single" if group is single else "multi"))
    for verb in watching.verbs(group.name):
        group.add_command(verb)
for verb in [*watching.verbs(None), callgraph, inspect, experiment, servers, completion, version]:
    weaverlab.add_command(verb)
