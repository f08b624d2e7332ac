"""What the Tab key offers: verbs and options are click's business, names of what runs are looked up here.

Nothing here may fail, print or take long: somebody is typing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem, get_completion_class

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "weaverlab"
VARIABLE = "_WEAVERLAB_COMPLETE"
PATIENCE_S = 0.5  # for deployments to answer, while somebody waits with a finger on the Tab key

Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def deployment_ids(deployer: str | None = None) -> Completer:
    """Return a completer of the ids of running deployments, of one deployer or of all."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from weaverlab import registry

        records = registry.running(deployer)
        return [CompletionItem(r.id, help=f"{r.app} on {r.deployer}") for r in records if r.id.startswith(incomplete)]

    return complete


def apps_or_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the ids of running deployments, and leave files to the shell."""
    return [*deployment_ids()(ctx, param, incomplete), CompletionItem(incomplete, type="file")]


def component_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of the components that run."""
    from weaverlab.status import list_deployments

    snapshots = [one.snapshot for one in list_deployments(patience_s=PATIENCE_S) if one.snapshot]
    names = sorted({component.name for snapshot in snapshots for component in snapshot.components})
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def experiment_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of this folder's experiments."""
    from weaverlab import experiment

    return [CompletionItem(name) for name in experiment.names() if name.startswith(incomplete)]


@click.command(short_help="Let the Tab key complete.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes the Tab key of a shell complete verbs, options, ids and names.

    \b
    Examples:
      eval "$(weaverlab completion bash)"                                  in ~/.bashrc
      eval "$(weaverlab completion zsh)"                                   in ~/.zshrc
      weaverlab completion fish > ~/.config/fish/completions/weaverlab.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    if shell == "bash" and shutil.which("bash") is None:
        raise click.ClickException("there is no bash on this machine to complete for.")
    click.echo(kind(ctx.find_root().command, {}, PROGRAM, VARIABLE).source())
