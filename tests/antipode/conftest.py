from __future__ import annotations

import pytest

from weaverlab.antipode import request


@pytest.fixture(autouse=True)
def fresh_request():
    """Every test is a request of its own: no lineage comes from the test before."""
    with request():
        yield
