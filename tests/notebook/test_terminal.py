"""`ipython` in a terminal: the same magic without cells, widgets and a kernel."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_process_left")]

SESSION = """
%load_ext weaverlab
import weaverlab as weaver
class Echo(weaver.Component):
    def init(self): self.logger.info("echo opens")
    def say(self, text: str) -> str: return text * 2

%weaver deploy
weaver.current().get(Echo).say("ab")
weaver.current().callgraph()
%weaver stauts
exit
"""


def test_a_terminal_prints_tables_lines_pictures_as_text_and_plain_errors(
    tmp_path: Path, kernel_environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner"]

    ended = subprocess.run(
        command, input=SESSION, env=kernel_environment, cwd=tmp_path, capture_output=True, text=True, timeout=30
    )
    said = re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout + ended.stderr)

    for words in (
        "Deploying: 0 of 1 weavelets ready",
        "I Echo/0  echo opens",
        "running on multi, 1 component in 1 weavelet",
        "'abab'",
        "-> Echo  [1 replica]  1 call",
        "WrongUse: %weaver: there is no verb 'stauts'. Did you mean 'status'?",
    ):
        assert words in said
    assert "Traceback" not in said and ended.returncode == 0
