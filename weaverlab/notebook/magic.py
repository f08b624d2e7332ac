"""`%weaver`: the verbs of the command line, on this notebook's own components. What they do is in `session`."""

from __future__ import annotations

from typing import Any

from weaverlab.clock import unique_id
from weaverlab.errors import WeaverError
from weaverlab.notebook.arguments import OPTIONS, USAGE, VERBS, no_words, parse_deploy, split_verb
from weaverlab.notebook.cell import Cell, this_cell
from weaverlab.notebook.defined import components_in
from weaverlab.notebook.live import LiveViews
from weaverlab.notebook.problems import show_plainly
from weaverlab.notebook.progress import ProgressBar
from weaverlab.notebook.session import Say, Session
from weaverlab.observe.snapshot import Snapshot

MAGIC = "weaver"


class WeaverMagic:
    # The magic of one shell. An error ends the cell, so that the cells below do not run; never the kernel.
    __doc__ = USAGE  # what `%weaver?` shows

    def __init__(self, shell: Any, session: Session, views: LiveViews) -> None:
        self._shell = shell
        self._session = session
        self._views = views

    def __call__(self, line: str) -> None:
        """Do what one line asks for."""
        cell = this_cell(self._shell)
        try:
            verb, words = split_verb(line)
            if verb == "deploy":
                self._deploy(words, cell)
                return
            no_words(verb, words)
            if verb == "status":
                self._status(cell)
            else:
                self._stop(cell)
        except (WeaverError, KeyboardInterrupt) as error:
            show_plainly(error, self._shell)
            raise

    def complete(self, shell: Any, event: Any) -> list[str]:
        """Return verbs, or components and options, for IPython's completion."""
        words = event.line[: len(event.line) - len(event.symbol)].split()
        if words[1:2] == ["deploy"]:
            return [*components_in(self._shell.user_ns), *OPTIONS]
        return list(VERBS) if len(words) <= 1 else []

    def _deploy(self, words: list[str], cell: Cell) -> None:
        faults: list[str] = []
        asked = parse_deploy(words, faults)
        bar = ProgressBar(cell)
        before = self._session.deployment
        try:
            deployment = self._session.deploy(asked, faults, self._shell.user_ns, _sayer(cell), bar.show)
        except BaseException:
            bar.failed()
            if before is not None and before.is_running:
                cell.write(f"Deployment {before.id} still runs, with the code of before.\n")
            raise
        finally:
            self._views.refresh()
        bar.done(deployment)

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


def _show(snapshot: Snapshot, cell: Cell) -> None:
    cell.display(snapshot._repr_mimebundle_(), {}, unique_id())


def _sayer(cell: Cell) -> Say:
    return lambda text: cell.write(text + "\n")
