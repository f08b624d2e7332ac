"""JupyterLab in a real browser: a server on this machine, Debian's Chromium, and a list of all that it asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Playwright

from tests.notebook.kernel import PATIENCE_S

CHROMIUM = "/usr/bin/chromium"
# Background networking would look up hosts of Google's at every start.
CHROMIUM_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
LAB_ARGUMENTS = [
    *("--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=weaver"),
    *("--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None"),
    "--LabApp.extension_manager=readonly",
]
THIS_MACHINE = {"localhost", "127.0.0.1", "[::1]"}


@contextmanager
def jupyter_lab(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Serve the notebooks in `folder`; yield the server's address."""
    runtime = folder / ".runtime"
    asks_about_news = runtime / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    asks_about_news.parent.mkdir(parents=True)
    asks_about_news.write_text('{"fetchNews": "false"}')
    environment = {
        **environment,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTERLAB_SETTINGS_DIR": str(runtime / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(runtime / "workspaces"),
    }
    with open(folder / "server.log", "w") as log:
        command = [sys.executable, "-m", "jupyterlab", *LAB_ARGUMENTS, f"--ServerApp.root_dir={folder}"]
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        yield _address(server, runtime)
    finally:
        server.terminate()  # it shuts its kernels down first
        server.wait(PATIENCE_S)


@contextmanager
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Start Debian's Chromium. Without one this fails: a test that is not run must not look like one that passed."""
    if not os.path.exists(CHROMIUM):
        raise RuntimeError(f"no browser at {CHROMIUM}: apt-get install chromium (make test does it as root)")
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
    yield browser
    browser.close()


class Lab:
    """One notebook open in JupyterLab, with every address that the page has asked for."""

    def __init__(self, page: Page, address: str, notebook: str) -> None:
        self.page = page
        self.asked_for: list[str] = []
        page.on("request", lambda request: self.asked_for.append(request.url))
        page.on("websocket", lambda socket: self.asked_for.append(socket.url))
        # A workspace of its own: the common one would open the other notebooks of this server beside it.
        page.goto(f"{address}lab/workspaces/{Path(notebook).stem}/tree/{notebook}?token=weaver")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
        self.wait_idle()  # before, running a cell would ask for a kernel

    def run_all(self) -> None:
        """Choose Run All Cells from the menu, as a user does; returns at once."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def wait_idle(self) -> None:
        """Wait until the kernel runs no cell, as the status bar says."""
        self.page.get_by_role("button", name="| Idle").wait_for()

    def elsewhere(self) -> list[str]:
        """Return what was asked of any other machine."""
        parts = [(url, urlsplit(url)) for url in self.asked_for]
        return [url for url, at in parts if at.scheme not in ("data", "blob") and at.hostname not in THIS_MACHINE]


def _address(server: subprocess.Popen[bytes], runtime: Path) -> str:
    """Return where the server listens; it says so in a file, as soon as it does."""
    said = runtime / f"jpserver-{server.pid}.json"
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            return str(json.loads(said.read_text())["url"])
        except (FileNotFoundError, json.JSONDecodeError):
            time.sleep(0.05)  # there is nothing to wait on
    raise RuntimeError(f"JupyterLab did not start; see {runtime.parent / 'server.log'}")
