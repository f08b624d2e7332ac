"""What cannot be shipped is named before a process starts: the cell, the name, the path to it, the remedy."""

from __future__ import annotations

import re

import pytest

from tests.bundle.notebook import Notebook
from weaverlab.bundle import build
from weaverlab.errors import BundleError

ROOT = "class Root:\n    def run(self): return THING\n"

# What the message calls it, and how it comes to be.
OF_THIS_PROCESS = {
    "an open file": "THING = open('/dev/null')\nclose = THING.close",
    "an open socket": "import socket\nTHING = socket.socket()\nclose = THING.close",
    "a lock that is held": "import threading\nTHING = threading.Lock()\nTHING.acquire()",
    "a lock that is held ": "import threading\nTHING = threading.RLock()\nTHING.acquire()",
    "a generator": "THING = (i for i in range(3))",
    "a coroutine": "async def work(): pass\nTHING = work()\nclose = THING.close",
    "a thread": "import threading\nTHING = threading.Thread(target=print)",
    "a database connection": "import sqlite3\nTHING = sqlite3.connect(':memory:')\nclose = THING.close",
    "a pool of workers": "from concurrent.futures import ThreadPoolExecutor\nTHING = ThreadPoolExecutor(1)",
    "an event loop": "import asyncio\nTHING = asyncio.new_event_loop()\nclose = THING.close",
    "a widget": "import ipywidgets\nTHING = ipywidgets.IntSlider()",
    "a memory map": "import mmap\nTHING = mmap.mmap(-1, 16)\nclose = THING.close",
    "a epoll that cannot be pickled": "import select\nTHING = select.epoll()\nclose = THING.close",
}


def faults_of(notebook: Notebook, *roots: str) -> tuple[str, ...]:
    with pytest.raises(BundleError) as caught:
        notebook.build(*roots or ("Root",))
    return caught.value.faults


@pytest.mark.parametrize("what", OF_THIS_PROCESS)
def test_an_object_of_this_process_is_refused(what: str) -> None:
    if what == "a widget":
        pytest.importorskip("ipywidgets")
    notebook = Notebook(OF_THIS_PROCESS[what], ROOT)

    (fault,) = faults_of(notebook)

    assert f"THING is {what.strip()}" in fault
    notebook.namespace.get("close", bool)()


def test_a_fault_names_the_cell_the_path_and_the_remedy() -> None:
    notebook = Notebook(
        "import socket\nCONN = socket.socket()",
        "def helper(post):\n    CONN.send(post)",
        "class PostStorageEU:\n    def store(self, post):\n        helper(post)",
    )

    (fault,) = faults_of(notebook, "PostStorageEU")

    assert fault.splitlines() == [
        "cell 1, line 2: CONN is an open socket, which cannot be sent to another process.",
        "     It is needed: PostStorageEU.store -> helper -> CONN.",
        "     Create it in `init` of PostStorageEU (self.conn = ...), so that each process makes its own.",
    ]
    notebook.namespace["CONN"].close()


def test_all_faults_are_reported_at_once() -> None:
    notebook = Notebook(
        "A = (i for i in '')\nB = (i for i in '')\nLIMIT = 1",
        "class Root:\n    def a(self): return A, LIMITS\n    def b(self): return B",
    )

    faults = faults_of(notebook)

    assert sorted(re.findall(r"line \d: (\w+) is", " ".join(faults))) == ["A", "B", "LIMITS"]


def test_a_misspelt_global_comes_with_the_nearest_name() -> None:
    notebook = Notebook("LIMIT = 3", "class Root:\n    def run(self): return LIMITS, lenn([])")

    limits, lenn = faults_of(notebook)

    assert limits == (
        "cell 2, line 1: LIMITS is not defined in the notebook (any more), but is needed: Root.run -> LIMITS. "
        "Did you mean 'LIMIT'?"
    )
    assert lenn.endswith("Did you mean 'len'?")


def test_a_global_that_was_deleted_is_missed() -> None:
    notebook = Notebook("size = 3\nclass Root:\n    limit = size\ndel size")

    (fault,) = faults_of(notebook)

    assert "size is not defined in the notebook (any more), but is needed: Root -> size." in fault


def test_an_object_inside_another_is_found() -> None:
    notebook = Notebook(
        "class Service:\n    def __init__(self): self.items = [(i for i in '')]",
        "THING = Service()",
        ROOT,
    )

    (fault,) = faults_of(notebook)

    assert "cell 2, line 1: THING holds a generator" in fault


def test_a_class_attribute_is_refused_like_a_global() -> None:
    notebook = Notebook("class C: pass\nC.source = (i for i in '')", "class Root(C): pass")

    (fault,) = faults_of(notebook)

    assert "C.source is a generator" in fault
    assert "self.source = ..." in fault


def test_an_entry_of_a_class_attribute_set_by_running_code_is_refused() -> None:
    notebook = Notebook("import os\nclass C:\n    table = {}\nC.table['pid'] = os.getpid()", "class Root(C): pass")

    (fault,) = faults_of(notebook)

    assert "`C.table['pid'] = os.getpid()` changes C, but may not run twice" in fault


def test_a_class_defined_inside_a_function_is_no_root() -> None:
    notebook = Notebook("def make():\n    class Inner: pass\n    return Inner\nHELD = [make()]")

    with notebook.as_main(), pytest.raises(BundleError, match=r"Inner is defined inside a function"):
        build([notebook.namespace["HELD"][0]])


def test_a_class_of_a_cell_that_was_run_again_is_no_root() -> None:
    notebook = Notebook("class Root: pass")
    notebook.run("old = Root")
    notebook.run("class Root: pass")

    (fault,) = faults_of(notebook, "old")

    assert fault == "Root is not what the notebook calls Root now, as its cell was run again. Use the new class."


def test_names_that_only_annotations_mention_need_not_exist() -> None:
    notebook = Notebook("class Root:\n    later: 'Absent'\n    def run(self, x: 'Missing') -> 'Nowhere': return x")

    assert notebook.build("Root").names == ("Root",)


def test_a_table_of_connections_that_fills_as_it_is_used_is_empty_in_the_child() -> None:
    notebook = Notebook("import socket\nTHING = {}\nTHING['a'] = socket.socket()", ROOT)

    names = notebook.build("Root").names

    assert "THING" in names
    notebook.namespace["THING"]["a"].close()


def test_a_lock_that_is_held_inside_a_table_is_refused() -> None:
    notebook = Notebook("import threading\nTHING = {}\nTHING['a'] = threading.Lock()\nTHING['a'].acquire()", ROOT)

    (fault,) = faults_of(notebook)

    assert "THING holds a lock that is held" in fault


def test_magics_in_a_component_are_named_as_such() -> None:
    notebook = Notebook("get_ipython = lambda: None\nget_ipython = (i for i in '')")
    notebook.run("class Root:\n    def run(self): return get_ipython()")

    (fault,) = faults_of(notebook)

    assert fault.startswith("Magics, `!` and get_ipython() exist in the notebook only.")
    assert fault.endswith("Take them out of Root.run.")
