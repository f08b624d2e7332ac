"""`Main` and `run`: the body of the application; how it ended reaches the caller."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import weaverlab as weaver
from weaverlab import Component, Main, Ref, WithConfig
from weaverlab.config import Config, parse


class OutOfPaper(Exception):
    pass


class Printer(Component):
    def print(self, text: str) -> str:
        return f"printed {text}"


@dataclass
class Settings:
    path: str
    ending: str = ""


class App(Main, WithConfig[Settings]):
    printer: Ref[Printer]

    def main(self) -> None:
        with open(self.config.path, "a") as file:
            file.write(self.printer.print("it") + "\n")
        if self.config.ending == "error":
            raise OutOfPaper("tray 2")
        if self.config.ending == "exit":
            sys.exit(3)


class AsyncApp(Main, WithConfig[Settings]):
    async def main(self) -> None:
        Path(self.config.path).write_text("async")


def _config(path: Path, ending: str = "") -> Config:
    return parse(f'[App]\npath = "{path}"\nending = "{ending}"')


def test_run_deploys_runs_the_body_once_and_stops(deployer: str, tmp_path: Path) -> None:
    weaver.run(App, deployer=deployer, config=_config(tmp_path / "out"))

    assert (tmp_path / "out").read_text() == "printed it\n"


def test_an_async_body_is_awaited(deployer: str, tmp_path: Path) -> None:
    weaver.run(AsyncApp, deployer=deployer, config=parse(f'[AsyncApp]\npath = "{tmp_path / "out"}"'))

    assert (tmp_path / "out").read_text() == "async"


def test_an_exception_of_the_body_reaches_the_caller(deployer: str, tmp_path: Path) -> None:
    with pytest.raises(OutOfPaper, match="tray 2"):
        weaver.run(App, deployer=deployer, config=_config(tmp_path / "out", "error"))


def test_the_exit_code_of_the_body_reaches_the_caller(deployer: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        weaver.run(App, deployer=deployer, config=_config(tmp_path / "out", "exit"))

    assert ended.value.code == 3


def test_the_exit_code_of_the_body_is_that_of_a_program(deployer: str, tmp_path: Path) -> None:
    program = f"""
import weaverlab
from weaverlab.config import parse
from {__name__} import App, _config
from pathlib import Path
if __name__ == "__main__":
    weaverlab.run(App, deployer={deployer!r}, config=_config(Path({str(tmp_path)!r}, "out"), "exit"))
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=30)

    assert ended.returncode == 3
