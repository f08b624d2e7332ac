"""Readers that stop reading: a command that writes to nobody ends, in order and without a word."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import running, wait_line, write_config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]


def test_a_deployment_whose_reader_has_gone_is_stopped_in_order(folder: Path) -> None:
    write_config(folder, "chat")
    with running(folder, "multi", "deploy") as process:
        wait_line(process.stderr, "hello world")

        assert process.stderr is not None
        process.stderr.close()

        assert process.wait(timeout=20) == 141
        assert (folder / "closed.txt").read_text() == "app closed"


def test_an_application_in_one_process_whose_reader_has_gone_is_stopped_in_order(folder: Path) -> None:
    write_config(folder, "chat")
    with running(folder, "single", "deploy") as process:
        wait_line(process.stdout, "hello world")

        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()

        assert process.wait(timeout=20) == 141
        assert "Traceback" not in process.stderr.read()
        assert (folder / "closed.txt").read_text() == "app closed"


def test_who_follows_logs_that_nobody_reads_ends_even_when_nothing_more_is_said(folder: Path) -> None:
    write_config(folder, "serve")
    with running(folder, "multi", "deploy") as process, running(folder, "logs", "-f") as early:
        wait_line(process.stderr, "hello world")
        early.kill()
        with running(folder, "logs", "--follow") as follower:
            wait_line(follower.stdout, "hello world")

            assert follower.stdout is not None and follower.stderr is not None
            follower.stdout.close()

            assert follower.wait(timeout=20) == 141
            assert follower.stderr.read() == ""


@pytest.mark.parametrize(
    "args", [["--help"], ["status"], ["inspect", "greetings.py", "--json"], ["run", "greetings.py"]]
)
def test_a_command_whose_output_nobody_reads_says_nothing_of_it(folder: Path, args: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

    command = [sys.executable, "-m", "weaverlab.cli", *args]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=30
    )
    os.close(writer)

    assert done.returncode == 141
    assert "Error" not in done.stderr and "Traceback" not in done.stderr
