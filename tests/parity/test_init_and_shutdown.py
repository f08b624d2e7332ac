"""`init` and `shutdown`: the life of a component, in the order of its refs; a failing `init` fails the deployment."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import weaverlab as weaver
from weaverlab import Component, Ref, WithConfig, not_retriable
from weaverlab.config import Config, parse
from weaverlab.errors import DeployError


@dataclass
class Diary:
    path: Path

    def write(self, line: str) -> None:
        with open(self.path, "a") as file:
            file.write(line + "\n")


class Bottom(Component, WithConfig[Diary]):
    def init(self) -> None:
        self.config.write("bottom init")
        self.ready = True

    @not_retriable
    def work(self, started: str, gate: str) -> str:
        """Say that the work has begun, and go on when the gate opens."""
        Path(started).write_text("now")
        Path(gate).read_text()
        self.config.write("worked")
        return "done"

    def is_ready(self) -> bool:
        return self.ready

    def shutdown(self) -> None:
        self.config.write("bottom shutdown")


class Top(Component, WithConfig[Diary]):
    bottom: Ref[Bottom]

    async def init(self) -> None:
        assert self.bottom.is_ready()  # what a component refers to is ready before it
        self.config.write("top init")

    def nothing(self) -> None: ...

    async def shutdown(self) -> None:
        assert self.bottom.is_ready()  # and is there until it has ended
        self.config.write("top shutdown")


class Failing(Component):
    bottom: Ref[Bottom]

    def init(self) -> None:
        open_the_valve()


def open_the_valve() -> None:
    raise RuntimeError("the valve is stuck")


def _config(diary: Path) -> Config:
    return parse(f'[Bottom]\npath = "{diary}"\n[Top]\npath = "{diary}"')


def test_callees_are_ready_before_their_callers_and_go_after_them(deployer: str, tmp_path: Path) -> None:
    diary = tmp_path / "diary"

    with weaver.deploy(Top, deployer=deployer, config=_config(diary)) as app:
        app.get(Top).nothing()
        assert diary.read_text().splitlines() == ["bottom init", "top init"]

    assert diary.read_text().splitlines()[2:] == ["top shutdown", "bottom shutdown"]


def test_a_failing_init_fails_the_deployment_with_its_traceback(deployer: str, tmp_path: Path) -> None:
    text = f'[Bottom]\npath = "{tmp_path / "diary"}"'

    with pytest.raises(DeployError) as failed:
        weaver.deploy(Failing, deployer=deployer, config=parse(text))

    assert "RuntimeError: the valve is stuck" in str(failed.value)
    assert "in open_the_valve" in str(failed.value)


@pytest.mark.parametrize("deployer", ["rpc", "multi"], indirect=True)  # "single": a call is a call in your own thread
def test_a_call_in_flight_ends_before_its_component_is_shut_down(deployer: str, tmp_path: Path) -> None:
    diary, started, gate = tmp_path / "diary", tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)

    with ThreadPoolExecutor() as threads:
        app = weaver.deploy(Bottom, deployer=deployer, config=parse(f'[Bottom]\npath = "{diary}"'))
        result = threads.submit(app.get(Bottom).work, str(started), str(gate))
        started.read_text()
        stopping = threading.Thread(target=app.stop)
        stopping.start()
        while app.is_running:  # stop() has not begun yet
            time.sleep(0.001)
        gate.write_text("open")
        stopping.join()

    assert result.result() == "done"
    assert diary.read_text().splitlines() == ["bottom init", "worked", "bottom shutdown"]
