"""The notebook about branches does what it says: no money with a plain thread, all of it with a branch."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from weaverlab.testing import nothing_left

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "03_detached_refund.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory, kernel_environment: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook after all its cells have run, in a folder of its own; any cell that raises fails this."""
    folder = tmp_path_factory.mktemp("refund")
    notebook = nbformat.read(shutil.copy(NOTEBOOK, folder), as_version=4)
    client = NotebookClient(
        notebook, timeout=60, iopub_timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    with nothing_left():
        client.execute(env=kernel_environment)
    return notebook


def text_of(notebook: nbformat.NotebookNode, source: str) -> list[str]:
    """Return what every cell says whose source contains `source`."""
    return [
        "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code" and source in cell.source
    ]


def test_no_cell_raises_or_writes_to_standard_error(executed: nbformat.NotebookNode) -> None:
    outputs = [output for cell in executed.cells for output in cell.get("outputs", ())]

    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []


def test_a_plain_thread_hides_the_refund_from_the_barrier_and_a_branch_does_not(
    executed: nbformat.NotebookNode,
) -> None:
    with_thread, with_branch = (re.findall(r"(\d+) of 10 travellers", text)[0] for text in text_of(executed, "show("))

    assert (int(with_thread), int(with_branch)) == (10, 0)
    assert re.search(r"plain thread +10 of 10 .*\nbranch +0 of 10 ", text_of(executed, "text_table((")[-1])


def test_both_requests_are_drawn_and_everything_is_stopped(executed: nbformat.NotebookNode) -> None:
    before, after = text_of(executed, "app.lineage()")
    (stopped,) = text_of(executed, "%weaver stop")

    assert "VIOLATION" not in before and "no refund" not in before  # nobody can see what nobody depends on
    assert "Payments" in after
    assert "Stopped." in stopped
