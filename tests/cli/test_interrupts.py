"""Ctrl-C before a command has begun and after it has ended: quiet, whatever is imported or cleaned up just then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import weaverlab

pytestmark = pytest.mark.usefixtures("no_process_left")

CTRL_C = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(10)\n"


@pytest.mark.parametrize("module", ["click", "weaverlab_app"])
def test_ctrl_c_while_something_is_imported_ends_without_a_traceback(folder: Path, module: str) -> None:
    (folder / f"{module}.py").write_text(CTRL_C)

    done = weaverlab(folder, "run", "weaverlab_app.py", environment={"PYTHONPATH": str(folder)})

    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Stopped.\n")


def test_ctrl_c_while_the_process_ends_is_quiet(folder: Path) -> None:
    (folder / "ending.py").write_text(
        "import atexit, os, signal\nfrom weaverlab import Main\n"
        "class App(Main):\n    def main(self) -> None:\n        atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
    )

    done = weaverlab(folder, "run", "ending.py")

    assert (done.returncode, done.stderr) == (130, "Stopped.\n")


def test_who_has_chosen_that_ctrl_c_does_nothing_is_left_alone(folder: Path) -> None:
    (folder / "background.py").write_text(CTRL_C.replace("time.sleep(10)", "print('goes on')"))
    start = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from weaverlab.cli import main; import sys; "

    done = weaverlab(folder, code=f"{start}sys.argv = ['weaverlab', 'inspect', 'background.py']; main()")

    assert "goes on" in done.stdout and "defines no component" in done.stderr
