"""A component that deploys an application of its own: both end together, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import weaverlab as weaver
from weaverlab import Component

pytestmark = pytest.mark.usefixtures("no_process_left")

PATIENCE_S = 5.0


class Inner(Component):
    def pid(self) -> int:
        return os.getpid()


class Outer(Component):
    def init(self) -> None:
        self.app = weaver.deploy(Inner)

    def pids(self) -> tuple[int, int]:
        return os.getpid(), self.app.get(Inner).pid()

    def shutdown(self) -> None:
        self.app.stop()


def stops() -> None:
    with weaver.deploy(Outer) as app:
        outer, inner = app.get(Outer).pids()
        assert outer != inner


def kills() -> None:
    with weaver.deploy(Outer) as app:
        first = app.get(Outer).pids()
        os.kill(first[0], signal.SIGKILL)
        assert not set(first) & set(app.get(Outer).pids())


@pytest.mark.parametrize("how", [stops, kills])
def test_a_component_that_deploys_leaves_nothing_in_the_folder_for_temporary_files(
    how: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temporary = tmp_path_factory.mktemp("t")  # a short path, as sockets need it
    script = f"from tests.deployers import test_nested\ntest_nested.{how.__name__}()"  # type: ignore[attr-defined]

    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        timeout=30,
        env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.getcwd()},
    )

    wait_empty(temporary)


def wait_empty(folder: Path) -> None:
    ends_s = time.monotonic() + PATIENCE_S
    while left := os.listdir(folder):
        assert time.monotonic() < ends_s, f"left behind: {left}"
        time.sleep(0.01)
