"""A cell of the course may be run again, as students do: what it showed is shown anew, not hidden by what is there."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from tests.notebook.kernel import Kernel

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.parametrize(
    ("notebook", "showing"), [("00_first_anomaly", "publish(app, 20)"), ("03_detached_refund", "travel(app)")]
)
def test_the_anomaly_is_there_again(kernel: Kernel, notebook: str, showing: str) -> None:
    read = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
    cells = [cell.source for cell in read.cells if cell.cell_type == "code"]
    first = next(number for number, source in enumerate(cells) if showing in source)
    kernel.run_all(*cells[: first + 1])

    again = kernel.run_all(cells[first])

    assert int(re.findall(r"(\d+) of \d0 ", again.text)[0]) > 0
