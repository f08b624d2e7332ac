"""Cells are found in a real IPython shell: magics, `await` at the top, failed cells, cells run again."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundle.notebook import ROOT, Child
from weaverlab.bundle import Bundle

pytest.importorskip("IPython")

PROGRAM = """
import sys
from IPython.core.interactiveshell import InteractiveShell

CELLS = [
    "%pwd\\nimport asyncio\\nFIVE = await asyncio.sleep(0, 5)\\nfiles = !echo a b",
    "%%time\\n\\nclass Timed:\\n    def f(self): return FIVE",
    "%%capture out\\nclass Captured:\\n    def f(self): return FIVE + 1",
    "def broken(:",
    "class Post:\\n    v = 1",
    "class Post:\\n    v = 2\\n    def get(self): return self.v if open('/dev/null') else 0",
    "%lsmagic\\n\\ndef fail():\\n    raise KeyError(list(files))",
    "class Root:\\n"
    "    def run(self, wrong=False): return fail() if wrong else (Timed().f(), Captured().f(), Post().get())\\n"
    "1 / 0\\n"
    "class Root: 'never reached'",
]
shell = InteractiveShell.instance()
for cell in CELLS:
    shell.run_cell(cell, store_history=True)
shell.run_cell("class Silent(Post):\\n    def f(self): pass", store_history=False)

from weaverlab.bundle import build
with open(sys.argv[1], "wb") as file:
    file.write(build([shell.user_ns["Root"]]).to_bytes())
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("shell")
    subprocess.run(
        [sys.executable, "-c", PROGRAM, "bundle"],
        cwd=folder,
        check=True,
        capture_output=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "/bin:/usr/bin", "IPYTHONDIR": str(folder), "HOME": str(folder)},
    )
    return Bundle.from_bytes((Path(folder) / "bundle").read_bytes())


def test_the_child_runs_the_code_of_the_shell(bundle: Bundle, child: Child) -> None:
    assert pickle.loads(child.ask(bundle)) == (5, 6, 2)


def test_cells_keep_the_numbers_that_the_notebook_shows(bundle: Bundle) -> None:
    assert {cell.number for cell in bundle.cells} == {None, 1, 2, 3, 6, 7, 8}  # None: run without a number


def test_a_traceback_shows_the_line_below_the_magic(bundle: Bundle, child: Child) -> None:
    with pytest.raises(RuntimeError, match=r"line 4, in fail\n    raise KeyError\(list\(files\)\)"):
        child.ask(bundle, pickle.dumps((True,)))
