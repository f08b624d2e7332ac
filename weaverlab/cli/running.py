"""`run` and `single|multi deploy`: an application in the foreground, until it ends, or somebody ends it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from weaverlab.cli.endings import UNREAD, Ended, end_from_thread, is_unread, say

if TYPE_CHECKING:
    from weaverlab.config import Config

PATH = click.Path(path_type=Path)


@click.command(short_help="Run an application in one process.")
@click.argument("app", type=PATH)
@click.option("--config", type=PATH, metavar="FILE", help="The weaver.toml to configure it with; without this, none.")
def run(app: Path, config: Path | None) -> None:
    """Run the application in the file APP in one process, until its main() ends or Ctrl-C.

    APP defines one class derived from weaverlab.Main; what it reaches through its refs is started with it. A
    weaver.toml beside it is read when it is given. To run what that names: weaverlab single deploy.

    \b
    Examples:
      weaverlab run app.py
      weaverlab run app.py --config weaver.toml
    """
    from weaverlab.deployers import load_config, load_main

    _serve(load_main(app), load_config(config, app.parent), "single", says_what_runs=False)


def deploy(deployer: Literal["single", "multi"]) -> click.Command:
    """Return the verb `deploy` of one deployer."""
    where = {"single": "in one process", "multi": "in processes of this machine"}[deployer]

    @click.command(
        "deploy",
        short_help="Deploy what weaver.toml names.",
        help=f"Deploy the application that CONFIG names, {where}, until its main() ends or Ctrl-C.\n\n"
        "CONFIG is a weaver.toml; by default the one in this folder. Its line `app`, below [weaverlab], names the "
        "Python file.\n\n"
        f"\b\nExamples:\n  weaverlab {deployer} deploy\n  weaverlab {deployer} deploy lab/weaver.toml",
    )
    @click.argument("config", type=PATH, default=Path("weaver.toml"))
    def command(config: Path) -> None:
        from weaverlab.deployers import load_config, load_main
        from weaverlab.deployers.appfile import app_beside

        settings = load_config(config)
        _serve(load_main(app_beside(config, settings)), settings, deployer, says_what_runs=True)

    return command


def _serve(main: type, config: Config, deployer: Literal["single", "multi"], *, says_what_runs: bool) -> None:
    """Deploy, run the body, stop in order; also when another process asks for that, or nobody reads any more."""
    from weaverlab import deployers

    with deployers.deploy(main, deployer=deployer, config=config, show=_show) as deployment:

        def stop(drain_s: float) -> None:
            deployment.when_asked_to_stop = deployment.stop  # who asks again waits until it has
            end_from_thread(_StopAsked(drain_s))

        deployment.when_asked_to_stop = stop
        if says_what_runs:
            say(f"{deployment.status()}\nRunning. Press Ctrl-C to stop.")
        try:
            deployment.run_main()
        except _StopAsked as asked:
            deployment.stop(asked.drain_s)
            raise


class _StopAsked(Ended):
    def __init__(self, drain_s: float) -> None:
        super().__init__(0, "Stopped, as another process asked for.")
        self.drain_s = drain_s


def _show(entry: dict[str, str | float | int]) -> None:
    """Show a log entry on standard error; when nobody reads that any more, end the command."""
    from weaverlab.deployers import format_entry

    try:
        is_coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
        print(format_entry(entry, colours=is_coloured), file=sys.stderr, flush=True)
    except BrokenPipeError:
        if is_unread(sys.stderr):
            end_from_thread(Ended(UNREAD))
        raise
