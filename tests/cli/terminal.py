"""Terminals in which the command line runs as a real process, on a small application in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PATIENCE_S = 30.0

APP = """
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from weaverlab import Component, Main, Ref, WithConfig

@dataclass
class Settings:
    mode: str = "once"

class Greeter(Component):
    def greet(self, name: str) -> str:
        return f"hello {name}"

    def shutdown(self) -> None:
        self.logger.info("greeter closed")

class App(Main, WithConfig[Settings]):
    greeter: Ref[Greeter]

    def main(self) -> None:
        print(self.greeter.greet("world"), flush=True)
        if self.config.mode == "fail":
            raise RuntimeError("the body failed")
        if self.config.mode == "exit":
            raise SystemExit(5)
        if self.config.mode == "serve":
            threading.Event().wait()
        while self.config.mode == "chat":
            print("and on", flush=True)
            time.sleep(0.01)

    def shutdown(self) -> None:
        self.logger.info("app closed")
        Path("closed.txt").write_text("app closed")
"""


def write_config(folder: Path, mode: str) -> None:
    (folder / "weaver.toml").write_text(f'[weaverlab]\napp = "greetings.py"\n[App]\nmode = "{mode}"\n')


def weaverlab(
    folder: Path, *args: str, code: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; or `code`, which does the same in another way."""
    command = [sys.executable, *(["-c", code] if code else ["-m", "weaverlab.cli", *args])]
    env = {**os.environ, **(environment or {})}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=PATIENCE_S)


@contextmanager
def running(folder: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    """A command that serves; it is killed at the end if it has not ended by itself."""
    command = [sys.executable, "-m", "weaverlab.cli", *args]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_line(stream: IO[str] | None, words: str) -> str:
    """Read lines until one holds `words`, and return that."""
    assert stream is not None
    for line in stream:
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never said")
