"""`status`, `logs`, `stop` and `purge`: looking at deployments of other processes, for all deployers or for one.

In a notebook the context's object is the notebook's own deployment, which is meant where no id is given.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from weaverlab.cli.completing import component_names, deployment_ids
from weaverlab.cli.endings import UNREAD, Ended, is_unread, say
from weaverlab.cli.output import JSON, print_json, print_text, wants_colours
from weaverlab.cli.words import Number
from weaverlab.types import LOG_LEVELS

if TYPE_CHECKING:
    from weaverlab.deployers import Attached, Deployment
    from weaverlab.deployers.output import LogPage
    from weaverlab.status import LogFilter

NOTHING = "Nothing is deployed. To deploy: weaverlab multi deploy weaver.toml"
FOLLOW_WAIT_S = 1.0
STOP_PATIENCE_S = 60.0  # beyond the drain time: every component's shutdown() has its own bound


def verbs(deployer: str | None) -> list[click.Command]:
    """Return these verbs, for the deployments of one deployer or for all."""
    name = f"weaverlab {deployer}" if deployer else "weaverlab"
    return [_status(deployer, name), _logs(deployer, name), _stop(deployer, name), _purge(name)]


@contextlib.contextmanager
def watched(own: Deployment | None, id_prefix: str, deployer: str | None = None) -> Iterator[Deployment | Attached]:
    """Yield the deployment that is meant."""
    from weaverlab import registry
    from weaverlab.deployers import attach
    from weaverlab.status import find

    if own is not None and not id_prefix:
        yield own
        return
    with contextlib.closing(attach(find(id_prefix, registry.running(deployer)))) as deployment:
        yield deployment


def _status(deployer: str | None, name: str) -> click.Command:
    @click.command(
        "status",
        short_help="Show what runs.",
        help="Show the running deployments of this user, also those started in notebooks; with ID, one of them: its "
        "components, weavelets, listeners, datastores and calls.\n\n"
        f"The beginning of an id is enough.\n\n\b\nExamples:\n  {name} status\n  {name} status 4f --json",
    )
    @click.argument("deployment_id", metavar="[ID]", default="", shell_complete=deployment_ids(deployer))
    @JSON
    @click.pass_obj
    def command(own: Deployment | None, deployment_id: str, as_json: bool) -> None:
        from weaverlab.status import list_deployments, listing_dict, listing_text

        if deployment_id:
            with watched(None, deployment_id, deployer) as deployment:
                snapshot = deployment.status()
            print_json(snapshot.to_dict()) if as_json else print_text(str(snapshot))
            return
        found = list_deployments(deployer)
        if as_json:
            print_json([listing_dict(one) for one in found])
        else:
            print_text(listing_text(found) if found else NOTHING)

    return command


def _logs(deployer: str | None, name: str) -> click.Command:
    @click.command(
        "logs",
        short_help="Show what a deployment has said.",
        help="Show the newest log entries and printed lines of a running deployment, oldest first. ID may be left out "
        "when only one runs. Those of one that has ended are not kept.\n\n"
        f"\b\nExamples:\n  {name} logs --follow\n  {name} logs 4f --level warning --component Reader",
    )
    @click.argument("deployment_id", metavar="[ID]", default="", shell_complete=deployment_ids(deployer))
    @click.option("-f", "--follow", is_flag=True, help="Go on until the deployment stops.")
    @click.option(
        "--level", type=click.Choice(LOG_LEVELS), default="debug", help="This and above; prints count as info."
    )
    @click.option("--component", default="", shell_complete=component_names, help="Of this component only.")
    @click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
    @click.pass_obj
    def command(
        own: Deployment | None, deployment_id: str, follow: bool, level: str, component: str, as_json: bool
    ) -> None:
        from weaverlab.status import LogFilter

        wanted = LogFilter(level, component)
        with watched(own, deployment_id, deployer) as deployment:
            if component:
                wanted.check({one.name for one in deployment.status().components})
            _print_entries(deployment, wanted, follow, as_json)

    return command


def _print_entries(deployment: Deployment | Attached, wanted: LogFilter, follow: bool, as_json: bool) -> None:
    """Print what there is, and with `follow` what comes, until the deployment stops or nobody reads any more."""
    page = deployment.log_page()
    _print_page(page, wanted, as_json)
    before = -1
    while not page.is_last and (follow or page.next > before):
        before = page.next
        page = _next_page(deployment, page.next, FOLLOW_WAIT_S if follow else 0.0)
        _print_page(page, wanted, as_json)
        if is_unread(sys.stdout):
            raise Ended(UNREAD)
    if follow:
        say(f"Deployment {deployment.id} has stopped.")


def _next_page(deployment: Deployment | Attached, after: int, wait_s: float) -> LogPage:
    from weaverlab.deployers.output import LogPage
    from weaverlab.errors import AttachError

    try:
        return deployment.log_page(after, wait_s)
    except AttachError:
        return LogPage((), after, is_last=True)  # killed, or stopped between two questions


def _print_page(page: LogPage, wanted: LogFilter, as_json: bool) -> None:
    from weaverlab.deployers import format_entry

    colours = wants_colours()
    for entry in page.entries:
        if wanted.passes(entry):
            print_json(entry, on_one_line=True) if as_json else print_text(format_entry(entry, colours))


def _stop(deployer: str | None, name: str) -> click.Command:
    @click.command(
        "stop",
        short_help="Stop a deployment in order.",
        help="Stop a deployment in order, callers before callees, and wait until it has. One in a notebook stops too; "
        f"its notebook goes on.\n\n\b\nExamples:\n  {name} stop 4f\n  {name} stop 4f --drain 0",
    )
    @click.argument("deployment_id", metavar="ID", shell_complete=deployment_ids(deployer))
    @click.option("--drain", "drain_s", type=Number(0, 3600), default=5.0, show_default=True, metavar="S",
                  help="Seconds that calls in flight are given to end.")  # fmt: skip
    def command(deployment_id: str, drain_s: float) -> None:
        from weaverlab import registry
        from weaverlab.clock import SystemClock
        from weaverlab.deployers import attach
        from weaverlab.errors import AttachError, UnknownDeployment
        from weaverlab.status import find

        if not deployment_id:  # as from a variable that is not set
            raise UnknownDeployment(f"which deployment? Give the beginning of its id: {name} status shows it.")
        record = find(deployment_id, registry.running(deployer))
        with contextlib.closing(attach(record)) as deployment:
            deployment.stop(drain_s)
        ends_s = SystemClock.now_s() + drain_s + STOP_PATIENCE_S
        while registry.is_running(record):
            if SystemClock.now_s() > ends_s:
                raise AttachError(f"deployment {record.id} has not stopped yet. To end it: kill {record.pid}")
            SystemClock.sleep(0.05)
        print_text(f"Stopped {record.id} ({record.app}).")

    return command


def _purge(name: str) -> click.Command:
    @click.command(
        "purge",
        short_help="Remove what killed deployments and servers left.",
        help="Remove what deployments left that were killed, and servers of `weaverlab servers up` whose keeper was "
        "killed: files, sockets and data; and say which. What runs is not touched. Other commands do the same for what "
        f"they are about, on their way and without saying so.\n\n\b\nExample:\n  {name} purge",
    )
    @JSON
    def command(as_json: bool) -> None:
        from weaverlab import registry
        from weaverlab.servers import records

        removed = registry.clean() + records.clean()
        if as_json:
            print_json({"removed": removed})
        else:
            print_text("\n".join(f"removed {path}" for path in removed) or "Nothing was left behind.")

    return command
