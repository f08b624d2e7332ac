"""Folders are layers: a package imports only from lower rows, and the lowest rows are pure.

Reviews cannot see an import cycle, so this one rule of style is checked by a machine. Every import counts, also one
inside a function or under `TYPE_CHECKING`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "weaverlab"

LAYERS = (  # lowest first: a package imports only from rows before its own
    {"errors", "types"},
    {"config", "clock", "history"},
    {"component", "wire", "routing", "antipode", "observe", "check"},
    {"transport", "stores", "bundle", "pictures", "registry"},
    {"runtime"},
    {"deployers", "web", "servers", "sim"},
    {"status", "testing", "experiment"},
    {"cli"},  # the door to the faces before it: `weaverlab experiment run`
    {"notebook"},  # `%weaver` has the verbs of the command line
    {"__init__"},
)
RANK = {name: row for row, names in enumerate(LAYERS) for name in names}

LAST_PURE_ROW = 2  # rows 0 to 2: no socket, file, thread, task, process, time or chance
# tomli is the standard library's tomllib, and typing_extensions (for type checkers only) its typing, for Python 3.10.
PURE_DEPENDENCIES = {"msgspec", "typing_extensions", "tomli", "tomllib"}
IMPURE = {
    # files
    *("glob", "mmap", "os", "pathlib", "shutil", "sqlite3", "tempfile"),
    # sockets
    *("http", "select", "selectors", "socket", "socketserver", "ssl", "urllib"),
    # threads, tasks and processes
    *("_thread", "asyncio", "concurrent", "multiprocessing", "queue", "signal", "subprocess", "threading"),
    # time and chance
    *("random", "secrets", "time", "uuid"),
}
DOORS = {  # exceptions, each with its reason
    "clock": {"time", "random"},  # the only way to time and chance
    "wire": {"dill"},  # a codec like msgspec, for the values that pickle cannot carry
}
NOTEBOOK_ONLY = {"IPython", "anywidget", "ipykernel", "ipywidgets", "traitlets"}


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of each import; `from weaverlab import x` is one of `weaverlab.x` where x has a row."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.ImportFrom) and node.module == "weaverlab":
            yield from (f"weaverlab.{alias.name}" if alias.name in RANK else "weaverlab" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def faults(source: str, here: str) -> list[str]:
    """Return what is wrong with the imports of `source`, a module of the package `here`."""
    if here not in RANK:
        return [f"{here} has no row: give it one in LAYERS"]
    tree = ast.parse(source)
    found = [fault for name in imported(tree) if (fault := _fault_of_import(name, here))]
    if RANK[here] <= LAST_PURE_ROW and _opens_a_file(tree):
        found.append(f"{here} is pure and may not open a file")
    return found


def _fault_of_import(name: str, here: str) -> str | None:
    if name.startswith("."):
        return f"import {name} is relative; write it from weaverlab on, so that arrows can be searched for"
    top, *rest = name.split(".")
    if top == "weaverlab":
        there = rest[0] if rest else "__init__"
        allowed = there == here or RANK.get(there, len(LAYERS)) < RANK[here]
    elif top in NOTEBOOK_ONLY:
        allowed = here == "notebook"
    elif RANK[here] <= LAST_PURE_ROW:
        is_pure = top in PURE_DEPENDENCIES or (top in sys.stdlib_module_names and top not in IMPURE)
        allowed = is_pure or top in DOORS.get(here, ())
    else:
        allowed = True
    return None if allowed else f"{here} may not import {name}"


def _opens_a_file(tree: ast.AST) -> bool:
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(isinstance(function, ast.Name) and function.id == "open" for function in calls)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_and_the_lowest_rows_are_pure(path):
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")

    assert faults(path.read_text(encoding="utf-8"), here) == []


@pytest.mark.parametrize(
    ("here", "source"),
    [
        ("runtime", "from weaverlab.deployers.multi import Multi"),
        ("runtime", "def later():\n    import weaverlab.deployers.multi"),
        ("runtime", "from weaverlab import deployers"),
        ("runtime", "from weaverlab import deploy"),
        ("runtime", "import weaverlab"),
        ("wire", "from weaverlab.antipode.lineage import Lineage"),
        ("wire", "from weaverlab.nonesuch import x"),
        ("wire", "from . import frames"),
        ("wire", "from ..errors import WeaverError"),
        ("wire", "import asyncio"),
        ("wire", "import os.path"),
        ("wire", "from concurrent.futures import Future"),
        ("wire", "import numpy"),
        ("routing", "import dill"),
        ("wire", "import time"),
        ("clock", "import socket"),
        ("config", "text = open('weaver.toml').read()"),
        ("cli", "import IPython"),
        ("experiment", "from weaverlab.cli import main"),
        ("nonesuch", ""),
    ],
)
def test_what_is_forbidden_is_found(here, source):
    assert len(faults(source, here)) == 1


@pytest.mark.parametrize(
    ("here", "source"),
    [
        ("runtime", "from weaverlab.transport.unix import Server\nimport asyncio, socket, dill"),
        ("wire", "from weaverlab.wire.frames import Call\nimport struct, msgspec"),
        ("wire", "from weaverlab import errors"),
        ("clock", "import time, random"),
        ("notebook", "import anywidget"),
        ("__init__", "from weaverlab.deployers.multi import Multi"),
    ],
)
def test_what_is_allowed_is_not_called_a_fault(here, source):
    assert faults(source, here) == []
