"""After installing, the child shows the lines of the cells, repeats no side effect, and finds local modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundle.notebook import ROOT, Child, Notebook
from weaverlab.bundle import Bundle, build


def run_in(child: Child, notebook: Notebook) -> object:
    return notebook.loads(child.ask(notebook.build("Root")))


def test_a_traceback_shows_the_lines_of_the_cell(child: Child) -> None:
    notebook = Notebook(
        "LIMIT = 3\n\n# a comment\ndef check(x):\n    if x > LIMIT:\n        raise ValueError(x)  # too much\n",
        "\n\nclass Root:\n\n    def run(self):\n        return check(5)  # from here\n",
        name="lines",
    )

    with pytest.raises(RuntimeError) as caught:
        run_in(child, notebook)

    text = str(caught.value)
    assert 'File "<lines-2>", line 6, in run\n    return check(5)  # from here' in text
    assert 'File "<lines-1>", line 6, in check\n    raise ValueError(x)  # too much' in text


def test_a_definition_that_fails_in_the_child_shows_its_line(child: Child) -> None:
    notebook = Notebook(
        "import sys\nsys.only_in_the_parent = 1\nclass C:\n    value = sys.only_in_the_parent",
        "class Root:\n    def run(self): return C.value",
        name="failing",
    )

    with pytest.raises(RuntimeError) as caught:
        run_in(child, notebook)

    del sys.only_in_the_parent  # type: ignore[attr-defined]
    assert 'File "<failing-1>", line 4, in C\n    value = sys.only_in_the_parent' in str(caught.value)


def test_getsource_gives_the_source_of_functions_and_methods(child: Child) -> None:
    notebook = Notebook(
        "# first\ndef helper(x):\n    # doubles\n    return 2 * x\nlambdas = [lambda x: x + 1]",
        "import inspect\nclass Root:\n    def run(self):\n"
        "        return [inspect.getsource(f) for f in (helper, self.run, lambdas[0])]",
    )

    helper, run, in_a_list = run_in(child, notebook)  # type: ignore[misc]

    assert helper == "def helper(x):\n    # doubles\n    return 2 * x\n"
    assert run.startswith("    def run(self):\n")
    assert in_a_list == "lambdas = [lambda x: x + 1]\n"


def test_no_side_effect_of_the_notebook_is_repeated(child: Child, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    notebook = Notebook(
        f"from pathlib import Path\nMARK = Path({str(mark)!r})\ndef load():\n    MARK.touch()\n    return [1, 2]",
        "DATA = load()",
        "class Model:\n    weights = None\nModel.weights = load()",
        "if load():\n    with MARK.open('a') as file:\n        def size(): return len(DATA) + len(Model.weights)",
        "for _ in load():\n    TOTAL = sum(load())",
        "class Root:\n    def run(self): return size() + TOTAL",
    )
    mark.unlink()

    assert run_in(child, notebook) == 7
    assert not mark.exists()


def test_a_module_next_to_the_notebook_can_be_imported(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "beside_the_notebook.py").write_text("def f(): return 'beside'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])  # as in a kernel: the current directory, whichever it is
    notebook = Notebook("import beside_the_notebook as beside\nclass Root:\n    def run(self): return beside.f()")
    bundle = notebook.build("Root")
    monkeypatch.delitem(sys.modules, "beside_the_notebook")

    assert notebook.loads(child.ask(bundle)) == "beside"


def test_a_bundle_of_importable_classes_is_empty() -> None:
    bundle = build([Path, Notebook])

    assert (bundle.names, bundle.steps, bundle.cells) == ((), (), ())
    assert str(ROOT) in bundle.path


SCRIPT = """
import pickle, sys
from pathlib import Path
from dataclasses import dataclass
from weaverlab.bundle import build

@dataclass
class Post:
    text: str

def here():
    return Path(__file__).name

class Root:
    def run(self):
        return Post(here())

if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(build([Root]).to_bytes())
"""


def test_a_script_that_runs_as_main_is_one_cell(child: Child, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SCRIPT)
    subprocess.run(
        [sys.executable, "app.py", "bundle"], cwd=tmp_path, check=True, env={"PYTHONPATH": str(ROOT), "PATH": ""}
    )
    bundle = Bundle.from_bytes((tmp_path / "bundle").read_bytes())
    notebook = Notebook("from dataclasses import dataclass\n@dataclass\nclass Post:\n    text: str")

    assert [cell.label for cell in bundle.cells] == ["app.py"]
    assert bundle.names == ("Path", "Post", "Root", "dataclass", "here")
    assert notebook.loads(child.ask(bundle)).text == "app.py"
