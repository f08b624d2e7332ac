"""`%weaver`: the verbs of the command line, with the same words, and first of all for this notebook's own deployment.

What `deploy` and `run` do is in `session`; whatever is not about this notebook is done by the command line itself.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from weaverlab import deployers
from weaverlab.cli import tree
from weaverlab.cli.looking import snapshot_of
from weaverlab.clock import unique_id
from weaverlab.deployers import Deployment
from weaverlab.deployers.appfile import app_beside
from weaverlab.deployers.backend import Progress
from weaverlab.deployers.configfile import ConfigGiven
from weaverlab.deployers.version import Deployer
from weaverlab.errors import WeaverError
from weaverlab.notebook.arguments import USAGE, WrongUse, deploy_as_run, parse_deploy, parse_run, split_verb
from weaverlab.notebook.cell import Cell, this_cell
from weaverlab.notebook.completing import completions
from weaverlab.notebook.defined import components_in, roots
from weaverlab.notebook.live import LiveViews
from weaverlab.notebook.problems import show_plainly
from weaverlab.notebook.progress import ProgressBar
from weaverlab.notebook.session import Say, Session
from weaverlab.observe import Snapshot, callgraph_drawing
from weaverlab.pictures import Picture
from weaverlab.status import blueprint_of

MAGIC = "weaver"


class WeaverMagic:
    # The magic of one shell. An error ends the cell, so that the cells below do not run; never the kernel.
    __doc__ = USAGE  # what `%weaver?` shows

    def __init__(self, shell: Any, session: Session, views: LiveViews) -> None:
        self._shell = shell
        self._session = session
        self._views = views
        # These mean this notebook's own deployment or components when nothing else is said.
        self._own_verbs = {
            "status": self._status,
            "stop": self._stop,
            "callgraph": self._callgraph,
            "inspect": self._inspect,
        }

    def __call__(self, line: str) -> None:
        """Do what one line asks for."""
        try:
            self._do(split_verb(line), this_cell(self._shell))
        except (WeaverError, KeyboardInterrupt) as error:
            show_plainly(error, self._shell)
            raise

    def run(self, main: type, deployer: Deployer, config: ConfigGiven) -> Deployment:
        """Do what `weaverlab.run` does in a notebook: it returns at once."""
        cell = this_cell(self._shell)
        return self._shown(cell, lambda progress: self._session.run(main, deployer, config, _sayer(cell), progress))

    def complete(self, shell: Any, event: Any) -> list[str]:
        """Return verbs, components, options, ids or files, for IPython's completion."""
        words = event.line[: len(event.line) - len(event.symbol)].split()
        return completions(words[1:], event.symbol, list(components_in(self._shell.user_ns)))

    def _do(self, words: list[str], cell: Cell) -> None:
        verb, *rest = words
        if verb == "deploy":
            self._deploy(rest, cell)
        elif verb == "run":
            self._run_file(rest)
        elif (run_words := deploy_as_run(words)) is not None:
            self._run_file(run_words)
        elif rest or verb not in self._own_verbs:
            self._as_command_line(words, cell)
        else:
            self._own_verbs[verb](cell)

    def _as_command_line(self, words: list[str], cell: Cell) -> None:
        """Let the command line do it; where no id is given, it means this notebook's deployment."""
        if words[0] == "callgraph" and len(words) == 2 and not words[1].startswith("-"):
            snapshot = snapshot_of(None, words[1])
            self._show_picture(Picture(lambda: callgraph_drawing(snapshot)), cell)
            return
        try:
            tree.invoke(words, self._session.deployment, f"%{MAGIC}")
        except click.exceptions.Exit as ended:  # with 0 after --help
            if ended.exit_code:
                raise WeaverError(f"%weaver {' '.join(words)} has failed; what it printed says why.") from None
        except click.ClickException as error:
            raise WrongUse([f"%weaver {' '.join(words)}: {error.format_message()}"]) from None

    def _run_file(self, words: list[str]) -> None:
        asked = parse_run(words)
        file = Path(asked.file)
        config = deployers.load_config(asked.config, file.parent)
        if file.suffix == ".toml":
            config = deployers.load_config(file)
            file = app_beside(file, config)
        self.run(deployers.load_main(file), asked.deployer, config)

    def _deploy(self, words: list[str], cell: Cell) -> None:
        faults: list[str] = []
        asked, namespace, say = parse_deploy(words, faults), self._shell.user_ns, _sayer(cell)
        self._shown(cell, lambda progress: self._session.deploy(asked, faults, namespace, say, progress))

    def _shown(self, cell: Cell, deploy: Callable[[Progress], Deployment]) -> Deployment:
        """Deploy, with a progress bar that becomes the status table."""
        bar = ProgressBar(cell)
        before = self._session.deployment
        try:
            deployment = deploy(bar.show)
        except BaseException:
            bar.failed()
            if before is not None and before.is_running:
                cell.write(f"Deployment {before.id} still runs, with the code of before.\n")
            raise
        finally:
            self._views.refresh()
        bar.done(deployment)
        return deployment

    def _status(self, cell: Cell) -> None:
        deployment = self._session.deployment
        if deployment is None:
            cell.write("Nothing is deployed. Run %weaver deploy.\n")
            return
        _show(deployment.status(), cell)
        if deployment.failure is not None:
            cell.write(f"It has failed: {deployment.failure}\nRun %weaver deploy again.\n")
        elif not deployment.is_running:
            cell.write("It has been stopped. Run %weaver deploy to start it again.\n")
        elif self._session.is_stale(self._shell.user_ns):
            cell.write("It is stale: the notebook has changed since. Run %weaver deploy to replace it.\n")

    def _stop(self, cell: Cell) -> None:
        was_running = self._session.stop()
        self._views.refresh()
        cell.write("Stopped.\n" if was_running else "Nothing is deployed.\n")

    def _callgraph(self, cell: Cell) -> None:
        if self._session.deployment is None:
            raise WeaverError(
                "nothing is deployed in this notebook. Run %weaver deploy first, or name a file or an id."
            )
        self._show_picture(self._session.deployment.callgraph(), cell)

    def _inspect(self, cell: Cell) -> None:
        faults: list[str] = []
        components = roots((), self._shell.user_ns, faults)
        if faults:
            raise WrongUse(faults)
        cell.write(f"{blueprint_of(components)}\n")

    def _show_picture(self, picture: Picture, cell: Cell) -> None:
        if getattr(self._shell, "kernel", None) is None:
            cell.write(f"{picture.text}\n")
        else:
            self._views.show(picture)


def _show(snapshot: Snapshot, cell: Cell) -> None:
    cell.display(snapshot._repr_mimebundle_(), {}, unique_id())


def _sayer(cell: Cell) -> Say:
    return lambda text: cell.write(text + "\n")
