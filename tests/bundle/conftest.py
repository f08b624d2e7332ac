"""One child interpreter for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bundle.notebook import Child


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.close()
