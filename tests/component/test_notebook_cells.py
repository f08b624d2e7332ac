"""Components in notebook cells: any order of definition, and cells that are run again."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from collections.abc import Callable, Iterator

import pytest

from weaverlab.component import Application, Implements, Interface, build_application, instance_of
from weaverlab.errors import DeclarationError

Run = Callable[[str], None]
IMPORTS = """
from dataclasses import dataclass
from weaverlab.component import *
"""
FUTURE = "from __future__ import annotations\n"
INTERFACE = """
class Storage(Interface):
    def fetch(self, key: str) -> str: ...
"""
IMPLEMENTATION = """
class StorageEU(Implements[Storage]):
    def fetch(self, key): ...
"""
APP = """
class App(Main):
    storage: Ref[{}]
    def main(self): ...
"""


@pytest.fixture
def notebook() -> Iterator[types.ModuleType]:
    """A module that plays the notebook's `__main__`."""
    module = types.ModuleType("notebook_of_this_test")
    sys.modules[module.__name__] = module
    exec(IMPORTS, vars(module))
    yield module
    del sys.modules[module.__name__]


def run(notebook: types.ModuleType, *cells: str) -> None:
    for cell in cells:
        exec(compile(cell, "<cell>", "exec", dont_inherit=True), vars(notebook))


def application(notebook: types.ModuleType) -> Application:
    return build_application([notebook.App])


@pytest.mark.parametrize("app", [FUTURE + APP.format("Storage"), APP.format("'Storage'"), APP.format("'StorageEU'")])
def test_a_cell_may_mention_what_a_later_cell_defines(notebook, app):
    run(notebook, app, INTERFACE, IMPLEMENTATION)

    assert application(notebook).edges() == (("App", "StorageEU"),)


def test_an_implementation_may_come_before_its_interface(notebook):
    run(notebook, IMPLEMENTATION.replace("[Storage]", "['Storage']"), INTERFACE, APP.format("Storage"))

    assert application(notebook).edges() == (("App", "StorageEU"),)
    assert instance_of(notebook.StorageEU, notebook.Storage)


def test_running_a_cell_again_replaces_the_implementation(notebook):
    run(notebook, INTERFACE, IMPLEMENTATION, APP.format("Storage"), IMPLEMENTATION)

    assert application(notebook).components["StorageEU"].implementation is notebook.StorageEU


def test_running_the_interfaces_cell_again_keeps_its_implementations(notebook):
    run(notebook, INTERFACE, IMPLEMENTATION, APP.format("Storage"), INTERFACE)

    spec = application(notebook).components["StorageEU"]
    assert spec.interface is notebook.Storage
    assert instance_of(notebook.StorageEU, notebook.Storage)


def test_an_implementation_is_checked_against_the_newest_interface(notebook):
    run(notebook, INTERFACE, IMPLEMENTATION, APP.format("Storage"), INTERFACE.replace("key", "post_id"))

    with pytest.raises(DeclarationError, match=r"StorageEU.fetch: takes \(self, key\), but interface Storage says"):
        application(notebook)


def test_a_running_application_still_answers_to_classes_of_a_cell_that_was_run_again(notebook):
    run(notebook, INTERFACE, IMPLEMENTATION, APP.format("Storage"))
    deployed = application(notebook)

    run(notebook, INTERFACE, IMPLEMENTATION)

    assert deployed.resolve(notebook.Storage).name == "StorageEU"
    assert deployed.resolve(notebook.StorageEU).name == "StorageEU"


def test_configuration_is_the_newest_dataclass_of_that_name(notebook):
    settings = "@dataclass\nclass Settings:\n    size: int = 3\n"
    run(notebook, settings, "class App(Main, WithConfig[Settings]):\n    def main(self): ...\n", settings)

    assert application(notebook).components["App"].config_class is notebook.Settings


def test_a_definition_that_nobody_uses_any_more_is_gone(notebook):
    run(notebook, INTERFACE, IMPLEMENTATION, APP.format("Storage"))
    application(notebook)
    old = [weakref.ref(cls) for cls in (notebook.Storage, notebook.StorageEU, notebook.App)]

    run(notebook, INTERFACE, IMPLEMENTATION, APP.format("Storage"))
    gc.collect()

    assert [ref() for ref in old] == [None, None, None]


def test_a_deleted_implementation_is_no_candidate_any_more(notebook):
    run(notebook, INTERFACE, IMPLEMENTATION, IMPLEMENTATION.replace("EU", "US"), APP.format("Storage"))

    run(notebook, "del StorageEU")
    gc.collect()

    assert application(notebook).edges() == (("App", "StorageUS"),)


def test_classes_made_by_a_function_do_not_replace_each_other():
    def make() -> tuple[type, type]:
        class Storage(Interface): ...

        class StorageEU(Implements[Storage]): ...

        return Storage, StorageEU

    (storage, implementation), (other_storage, other) = make(), make()

    assert build_application([implementation]).resolve(storage).implementation is implementation
    assert build_application([other]).resolve(other_storage).implementation is other
    assert not instance_of(implementation, other_storage)
