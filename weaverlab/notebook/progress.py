"""A progress bar that becomes the status table when all is ready."""

from __future__ import annotations

from weaverlab.clock import unique_id
from weaverlab.deployers import Deployment
from weaverlab.notebook.cell import Cell


class ProgressBar:
    """One output of a cell: `show` while weavelets start, then `done` or `failed`."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._id = unique_id()
        self._shown: tuple[int, int] | None = None

    def show(self, ready: int, total: int) -> None:
        """Show how many of `total` weavelets are ready; an equal call shows nothing."""
        if self._shown == (ready, total):
            return
        text = f"Deploying: {ready} of {total} weavelets ready"
        html = f'<progress value="{ready}" max="{total}" style="width:16em"></progress> {text}'
        self._put({"text/plain": text, "text/html": html})
        self._shown = ready, total

    def done(self, deployment: Deployment) -> None:
        """Show the deployment's status table instead."""
        self._put(deployment.status()._repr_mimebundle_())

    def failed(self) -> None:
        """Say that nothing came of it; the error says why."""
        if self._shown is not None:
            self._put({"text/plain": "Deploying: failed"})

    def _put(self, data: dict[str, str]) -> None:
        self._cell.display(data, {}, self._id, update=self._shown is not None)
