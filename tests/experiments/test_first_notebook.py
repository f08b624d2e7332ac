"""The first notebook from top to bottom, in a real kernel: it shows what its text says it shows."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = [pytest.mark.usefixtures("no_process_left"), pytest.mark.slow]

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "00_first_anomaly.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The code cells after they were run, in a folder that holds nothing but the notebook."""
    folder = tmp_path_factory.mktemp("notebooks")
    notebook = nbformat.read(shutil.copy(NOTEBOOK, folder), as_version=4)
    client = NotebookClient(notebook, timeout=50, resources={"metadata": {"path": str(folder)}})
    asyncio.run(client.async_execute())
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def the(cells: list[Any], marker: str) -> Any:
    return next(cell for cell in cells if marker in cell.source)


def test_readers_miss_posts_until_the_barrier_is_there(cells):
    assert "of 20 readers did not find" in text_of(the(cells, "show(without_barrier)"))
    assert not text_of(the(cells, "show(without_barrier)")).startswith("0 of 20")
    assert text_of(the(cells, "show(with_barrier)")).startswith("0 of 20 readers did not find")
    assert "before it arrived" in text_of(the(cells, "violations(app.events())"))


def test_pictures_are_kept_in_the_notebook_for_those_who_only_read_it(cells):
    pictures = [the(cells, "app.callgraph()"), *(c for c in cells if c.source == "app.lineage()")]

    for cell in pictures:
        shown = [output.data for output in cell.outputs if "data" in output]
        assert any("image/png" in data for data in shown)
    assert len(pictures) == 3


def test_it_ends_with_everything_stopped(cells):
    assert "Stopped." in text_of(the(cells, "%weaver stop"))
