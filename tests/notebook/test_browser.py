"""JupyterLab in a real browser: views are alive, output comes late, and no request leaves the machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import ViewportSize, expect, sync_playwright

from tests.notebook.cells import SHOP
from tests.notebook.lab import Lab, chromium, jupyter_lab
from tests.notebook.test_first_anomaly import NOTEBOOK

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(120)]

TALL: ViewportSize = {"width": 1300, "height": 12_000}  # a whole notebook, so that nothing scrolls under a screenshot
ERROR = "[data-mime-type='application/vnd.jupyter.error']"
VIEW = '[data-testid="weaverlab-view"]'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where JupyterLab finds its notebooks."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def open_notebook(folder: Path, kernel_environment: dict[str, str]) -> Iterator[Callable[[str], Lab]]:
    """Open a notebook of `folder`, all of them in one browser and from one server."""
    with (
        jupyter_lab(folder, kernel_environment) as address,
        sync_playwright() as playwright,
        chromium(playwright) as browser,
    ):
        yield lambda name: Lab(browser.new_page(viewport=TALL), address, name)


def write_notebook(path: Path, *cells: str) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    sources = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=sources, metadata={"kernelspec": kernel}), path)


def test_the_first_notebook_shows_its_lineage_live(
    open_notebook: Callable[[str], Lab], folder: Path, tmp_path: Path
) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert notebook.cells.pop().source == "%weaver stop"  # which would end the view that is looked at
    nbformat.write(notebook, folder / NOTEBOOK.name)
    lab = open_notebook(NOTEBOOK.name)

    lab.run_all()
    view = lab.page.locator(VIEW, has=lab.page.get_by_label("Lineage"))
    expect(view).to_contain_text("barrier waited", timeout=60_000)
    lab.wait_idle()
    view.screenshot(path=tmp_path / "lineage.png")

    assert view.get_attribute("data-live") == "true"
    assert int(view.get_attribute("data-revision") or 0) >= 1
    expect(lab.page.locator(ERROR)).to_have_count(0)
    assert lab.elsewhere() == []


def test_a_live_view_is_painted_again_and_becomes_a_picture_at_the_end(
    open_notebook: Callable[[str], Lab], folder: Path
) -> None:
    write_notebook(
        folder / "live.ipynb",
        *("%load_ext weaverlab", *SHOP, "%weaver deploy", "app = weaver.current()\napp.callgraph()"),
        "storage = app.get(Storage)\nfor n in range(3): storage.say(1); await asyncio.sleep(0.6)",
        "await asyncio.to_thread(open, 'gate')\n%weaver stop",
    )
    os.mkfifo(folder / "gate")
    lab = open_notebook("live.ipynb")

    lab.run_all()
    view = lab.page.locator(VIEW)
    expect(view).to_contain_text("3 calls", timeout=30_000)
    assert int(view.get_attribute("data-revision") or 0) > 1
    deploying = lab.page.locator(".jp-CodeCell", has_text="%weaver deploy").first
    expect(deploying).to_contain_text("line 0")  # said long after that cell had ended
    with open(folder / "gate", "w"):  # let the last cell go on
        expect(view).to_have_count(0, timeout=30_000)

    expect(lab.page.locator(".jp-CodeCell img[src^='data:image/svg']")).to_have_count(1)
    assert lab.elsewhere() == []
    assert any(url.startswith("ws:") for url in lab.asked_for)
