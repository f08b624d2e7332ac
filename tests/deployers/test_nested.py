"""A component that deploys an application of its own: both end together, and leave nothing behind."""

from __future__ import annotations

import os
import signal
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


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weavelets keep temporary files; the path is short, as sockets need it."""
    folder = tmp_path_factory.mktemp("t")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def wait_empty(folder: Path) -> None:
    ends_s = time.monotonic() + PATIENCE_S
    while left := os.listdir(folder):
        assert time.monotonic() < ends_s, f"left behind: {left}"
        time.sleep(0.01)


def test_a_component_that_deploys_leaves_nothing_when_it_is_stopped(temporary: Path) -> None:
    with weaver.deploy(Outer) as app:
        outer, inner = app.get(Outer).pids()
        assert outer != inner and os.listdir(temporary) != []

    wait_empty(temporary)


def test_a_component_that_deploys_leaves_nothing_when_it_is_killed(temporary: Path) -> None:
    with weaver.deploy(Outer) as app:
        first = app.get(Outer).pids()

        os.kill(first[0], signal.SIGKILL)

        assert not set(first) & set(app.get(Outer).pids())
    wait_empty(temporary)
