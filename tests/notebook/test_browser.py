"""JupyterLab in a real browser: views are alive, output comes late, and no request leaves the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.notebook.cells import SHOP
from tests.notebook.lab import Lab, chromium, jupyter_lab

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(120)]

VIEW = '[data-testid="weaverlab-view"]'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, chromium(playwright) as browser:
        yield browser


def write_notebook(path: Path, *cells: str) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    sources = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=sources, metadata={"kernelspec": kernel}), path)


def test_a_live_view_is_painted_again_and_becomes_a_picture_at_the_end(
    browser: Browser, tmp_path: Path, kernel_environment: dict[str, str]
) -> None:
    write_notebook(
        tmp_path / "live.ipynb",
        *("%load_ext weaverlab", *SHOP, "%weaver deploy", "app = weaver.current()\napp.callgraph()"),
        "storage = app.get(Storage)\nfor n in range(3): storage.say(1); await asyncio.sleep(0.6)",
        "await asyncio.to_thread(open, 'gate')\n%weaver stop",
    )
    os.mkfifo(tmp_path / "gate")
    with jupyter_lab(tmp_path, kernel_environment) as address:
        lab = Lab(browser.new_page(viewport={"width": 1200, "height": 2400}), address, "live.ipynb")
        lab.run_all()

        view = lab.page.locator(VIEW)
        expect(view).to_contain_text("3 calls", timeout=30_000)
        lab.page.screenshot(path=tmp_path / "live.png")
        assert int(view.get_attribute("data-revision")) > 1
        deploying = lab.page.locator(".jp-CodeCell", has_text="%weaver deploy").first
        expect(deploying).to_contain_text("line 0")
        with open(tmp_path / "gate", "w"):
            pass
        expect(view).to_have_count(0, timeout=30_000)
        lab.page.screenshot(path=tmp_path / "stopped.png")

        assert lab.elsewhere() == []
        assert any(url.startswith("ws:") for url in lab.asked_for)
