"""Experiments have files of the same names (`app.py`): what a module of tests has imported is forgotten after it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from weaverlab.experiment.running import forget


@pytest.fixture(scope="module", autouse=True)
def _files_of_its_own() -> Iterator[None]:
    yield
    forget(Path(__file__).parents[2] / "experiments")


@pytest.fixture(autouse=True)
def _search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading an application adds its folder to the search path: take it away again."""
    monkeypatch.setattr(sys, "path", sys.path.copy())
