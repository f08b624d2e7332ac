"""Every kind of the catalogue works in a real child process as it does in the notebook."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from tests.bundle.kinds import KINDS, Kind
from tests.bundle.notebook import Child, Notebook


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_it_works_in_the_child_as_in_the_notebook(kind: Kind, child: Child) -> None:
    if sys.version_info < kind.python:
        pytest.skip(f"syntax of Python {kind.python[0]}.{kind.python[1]}")
    if kind.needs and importlib.util.find_spec(kind.needs) is None:
        pytest.skip(f"{kind.needs} is not installed")
    notebook = Notebook(*kind.all_cells(), name=kind.name)
    bundle = notebook.build("Root")
    sent = notebook.dumps(kind.sent)

    answer = notebook.loads(child.ask(bundle, sent))

    with notebook.as_main():
        assert answer == notebook.namespace["Root"]().run(*notebook.loads(sent))


def test_the_catalogue_is_as_long_as_promised() -> None:
    assert len({kind.name for kind in KINDS}) == len(KINDS) >= 65
