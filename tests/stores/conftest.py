from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.stores.deployment import Deployment
from weaverlab.antipode import request


@pytest.fixture(autouse=True)
def fresh_request():
    """Every test is a request of its own: no lineage comes from the test before."""
    with request():
        yield


@pytest.fixture
def deploy() -> Iterator[Callable[..., Deployment]]:
    """Return what makes deployments, and stop them at the end: a thread that still waits then fails its test."""
    made: list[Deployment] = []

    def make(**options: float) -> Deployment:
        made.append(Deployment(**options))
        return made[-1]

    yield make
    for one in made:
        one.service.shutdown()
