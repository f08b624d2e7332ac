"""The version of a bundle is a hash of what the definitions say, not of where or when they were run."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types
from pathlib import Path

import pytest

from tests.bundle.notebook import ROOT, Notebook
from weaverlab.bundle import Bundle, build, is_stale

CELLS = (
    "LIMIT = {'b', 'a', 'c'}\ndef helper(x): return x in LIMIT",
    "class Root:\n    def run(self): return helper(1)",
)
PRINT_VERSION = f"from tests.bundle.notebook import Notebook; print(Notebook(*{CELLS!r}).build('Root').version)"


def test_equal_code_has_one_version_in_every_process() -> None:
    versions = {
        subprocess.run(
            [sys.executable, "-c", PRINT_VERSION],
            env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }

    assert versions == {Notebook(*CELLS).build("Root").version}


def test_running_a_cell_again_unchanged_keeps_the_version() -> None:
    notebook = Notebook(*CELLS)
    before = notebook.build("Root")

    notebook.run(CELLS[0])
    notebook.run("# a comment, and a cell that does not matter\nother = 1")
    notebook.run("\n# moved down\n" + CELLS[1])

    assert notebook.build("Root").version == before.version


def test_a_changed_class_makes_the_bundle_stale() -> None:
    notebook = Notebook(*CELLS)
    bundle = notebook.build("Root")

    notebook.run("class Root:\n    def run(self): return helper(2)")

    with notebook.as_main():
        assert is_stale(bundle, [notebook.namespace["Root"]])


def test_a_changed_helper_or_constant_makes_the_bundle_stale() -> None:
    notebook = Notebook(*CELLS)
    bundle = notebook.build("Root")

    with notebook.as_main():
        assert not is_stale(bundle, [notebook.namespace["Root"]])
    notebook.run("LIMIT = {'a'}")
    with notebook.as_main():
        assert is_stale(bundle, [notebook.namespace["Root"]])


def test_code_that_cannot_be_shipped_any_more_is_stale() -> None:
    notebook = Notebook(*CELLS)
    bundle = notebook.build("Root")

    notebook.run("LIMIT = (i for i in 'abc')")

    with notebook.as_main():
        assert is_stale(bundle, [notebook.namespace["Root"]])


def test_a_bundle_survives_the_trip_to_bytes() -> None:
    bundle = Notebook(*CELLS).build("Root")

    assert Bundle.from_bytes(bundle.to_bytes()) == bundle


def test_only_what_is_needed_is_shipped() -> None:
    notebook = Notebook(*CELLS, "import json\nSECRET = 'not for others'", "class Unrelated: pass")

    bundle = notebook.build("Root")

    assert bundle.names == ("LIMIT", "Root", "helper")
    assert b"not for others" not in bundle.to_bytes()


def test_dill_is_imported_only_for_what_pickle_cannot_do() -> None:
    program = f"import sys; {PRINT_VERSION}; print('dill' in sys.modules)"

    output = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    ).stdout

    assert output.split()[-1] == "False"


def test_imported_components_count_with_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "app_in_a_file.py"
    file.write_text("class Root: ...")
    monkeypatch.syspath_prepend(tmp_path)
    root = importlib.import_module("app_in_a_file").Root
    bundle = build([root])
    assert not is_stale(bundle, [root])

    file.write_text("class Root:\n    def run(self): ...")

    assert is_stale(bundle, [root])


def test_a_module_without_a_file_has_a_version_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "made_by_hand", types.ModuleType("made_by_hand"))

    assert build([type("Root", (), {"__module__": "made_by_hand"})]).version
