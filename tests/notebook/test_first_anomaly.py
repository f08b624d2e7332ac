"""The first notebook of the course does what it says: an anomaly without the barrier, none with it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from weaverlab.testing import nothing_left

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "00_first_anomaly.ipynb"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory, kernel_environment: dict[str, str]) -> nbformat.NotebookNode:
    """The notebook after all its cells have run, in a folder of its own; any cell that raises fails this."""
    folder = tmp_path_factory.mktemp("anomaly")
    notebook = nbformat.read(shutil.copy(NOTEBOOK, folder), as_version=4)
    client = NotebookClient(
        notebook,
        timeout=60,
        iopub_timeout=60,  # by default it takes no more than four seconds for the outputs of a cell that has ended
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    with nothing_left():
        client.execute(env=kernel_environment)
    return notebook


def outputs_of(notebook: nbformat.NotebookNode, source: str) -> list[list[nbformat.NotebookNode]]:
    """Return the outputs of every cell whose source contains `source`."""
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code" and source in cell.source]


def text_of(outputs: list[nbformat.NotebookNode]) -> str:
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


def test_no_cell_raises_or_writes_to_standard_error(executed: nbformat.NotebookNode) -> None:
    outputs = [output for cell in executed.cells for output in cell.get("outputs", ())]

    assert [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"] == []


def test_posts_are_missed_without_the_barrier_and_none_with_it(executed: nbformat.NotebookNode) -> None:
    everything = "".join(text_of(cell.outputs) for cell in executed.cells if cell.cell_type == "code")
    (missed, readers), (missed_after, _) = re.findall(r"(\d+) of (\d+) readers did not find", everything)[:2]

    assert int(missed) > 0 and int(readers) == 20
    assert int(missed_after) == 0
    assert re.search(rf"without barrier +{missed} of 20 .*\nwith barrier +0 of 20 ", everything)


def test_both_lineages_and_the_call_graph_are_left_as_stills(executed: nbformat.NotebookNode) -> None:
    lineages = outputs_of(executed, "app.lineage()")
    (callgraph,) = outputs_of(executed, "app.callgraph()")

    for (output,) in (*lineages, callgraph):
        assert set(output.data) == {"image/svg+xml", "image/png", "text/plain"}  # no widget: its kernel is gone
    violated, healthy = (text_of(outputs) for outputs in lineages)
    assert "VIOLATION" in violated
    assert "barrier waited" in healthy and "no violation" in healthy


def test_the_violations_are_listed(executed: nbformat.NotebookNode) -> None:
    (found,) = outputs_of(executed, "violations(app.events())")

    assert re.match(r"posts/p\d+ was read in us [\d.]+ ms before it arrived\n", text_of(found))


def test_each_deploy_ends_with_its_status_table(executed: nbformat.NotebookNode) -> None:
    for outputs in outputs_of(executed, "%weaver deploy"):
        assert "running on multi, 7 components in 11 weavelets" in text_of(outputs)


def test_the_curve_is_drawn_from_what_was_measured(executed: nbformat.NotebookNode) -> None:
    (outputs,) = outputs_of(executed, "violation_curve(points)")

    (curve,) = (output for output in outputs if "data" in output)
    assert curve.data["image/svg+xml"].count("<svg") == 1


def test_it_ends_with_everything_stopped(executed: nbformat.NotebookNode) -> None:
    (outputs,) = outputs_of(executed, "%weaver stop")

    assert "Stopped." in text_of(outputs)
