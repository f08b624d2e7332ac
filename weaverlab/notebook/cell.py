"""One cell as a place to show things, from any thread, also after the cell has ended.

What `print` does in a thread goes to whichever cell ran last, or to the one that started the thread, as the version
of ipykernel has it. So messages are sent here under the request that ran the cell: front ends put them there.
A shell in a terminal has no cells: there everything is printed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol


class Cell(Protocol):
    """Where to show things."""

    id: str  # stays the same when the cell is run again; "" where the front end does not say
    run: str  # another one each time the cell is run

    def write(self, text: str) -> None:
        """Append text to the cell's output."""

    def display(
        self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, update: bool = False
    ) -> None:
        """Show a MIME bundle, or put it in the place of the one with this `display_id`, wherever that is."""


class KernelCell:
    """The cell that a kernel runs now."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._parent = kernel.get_parent("shell")
        self.id = str(self._parent.get("metadata", {}).get("cellId", ""))
        self.run = str(self._parent.get("header", {}).get("msg_id", ""))

    def write(self, text: str) -> None:
        self._send("stream", {"name": "stdout", "text": text})

    def display(
        self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, update: bool = False
    ) -> None:
        sys.stdout.flush()  # what the cell has printed so far comes first
        content = {"data": dict(data), "metadata": dict(metadata), "transient": {"display_id": display_id}}
        self._send("update_display_data" if update else "display_data", content)

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        # The socket belongs to ipykernel's own thread and takes messages from any; ipykernel's streams do the same.
        self._kernel.session.send(self._kernel.iopub_socket, kind, content, parent=self._parent, ident=kind.encode())


class Terminal:
    """A shell without cells: text appears above the prompt, an update below what it replaces."""

    id = run = ""

    def write(self, text: str) -> None:
        print(text, end="", flush=True)

    def display(
        self, data: Mapping[str, Any], metadata: Mapping[str, Any], display_id: str, update: bool = False
    ) -> None:
        print(data["text/plain"], flush=True)


def this_cell(shell: Any) -> Cell:
    """Return the cell that runs now, or ran last when none does."""
    kernel = getattr(shell, "kernel", None)
    return Terminal() if kernel is None else KernelCell(kernel)
