"""`callgraph` and `inspect`: what an application is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weaverlab.cli.completing import apps_or_ids
from weaverlab.cli.output import JSON, print_json, print_text, write
from weaverlab.cli.watching import watched

if TYPE_CHECKING:
    from weaverlab.deployers import Deployment
    from weaverlab.observe import Snapshot

FORMATS = ("text", "mermaid", "svg")
FILE_ENDINGS = (".py", ".toml")


@click.command(short_help="Draw which component calls which.")
@click.argument("app", metavar="[APP|ID]", default="", shell_complete=apps_or_ids)
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="How to draw it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write, instead of printing.")
@click.pass_obj
def callgraph(own: Deployment | None, app: str, form: str, output: Path | None) -> None:
    """Draw which component calls which: of an application in a file, or of a running deployment.

    APP is a Python file, which is imported but not deployed, or a weaver.toml, which also says where components are
    placed. ID is the beginning of a deployment's id: then the calls that were made are counted. Without either, it is
    the only deployment that runs.

    \b
    Examples:
      weaverlab callgraph app.py
      weaverlab callgraph weaver.toml --format svg --output callgraph.svg
      weaverlab callgraph 4f --format mermaid
    """
    content = _drawn(snapshot_of(own, app), form)
    if output is None:
        print_text(content.rstrip("\n"))
    else:
        write(content.rstrip("\n") + "\n", output)


@click.command(short_help="Show what an application consists of.")
@click.argument("app", type=click.Path(path_type=Path))
@JSON
def inspect(app: Path, as_json: bool) -> None:
    """Show what an application consists of: components, interfaces, methods, refs, listeners, datastores, version.

    APP is a Python file, which is imported but not deployed, or a weaver.toml, which is checked as well. The version is
    the one that `multi deploy` of the same files shows.

    \b
    Examples:
      weaverlab inspect app.py
      weaverlab inspect weaver.toml --json
    """
    from weaverlab.status import read_blueprint

    blueprint = read_blueprint(app)
    print_json(blueprint.to_dict()) if as_json else print_text(str(blueprint))


def snapshot_of(own: Deployment | None, app: str) -> Snapshot:
    """Return what a file declares, or what runs: the deployment whose id begins so, or `own` for ""."""
    from weaverlab.status import read_blueprint

    if app.endswith(FILE_ENDINGS):
        return read_blueprint(Path(app)).snapshot
    with watched(own, app) as deployment:
        return deployment.status()


def _drawn(snapshot: Snapshot, form: str) -> str:
    from weaverlab.observe import callgraph_drawing, callgraph_mermaid, callgraph_text, to_svg

    forms: dict[str, Any] = {
        "text": callgraph_text,
        "mermaid": callgraph_mermaid,
        "svg": lambda snapshot: to_svg(callgraph_drawing(snapshot)),
    }
    text: str = forms[form](snapshot)
    return text
