from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.stores.deployment import Deployment
from tests.stores.real import Real
from weaverlab.antipode import request
from weaverlab.clock import unique_id
from weaverlab.servers import Group, up


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


SERVERS = ("redis", "mariadb", "postgres")
SQL_SERVERS = ("mariadb", "postgres")
LAG_MS = 30.0


@pytest.fixture(scope="session", params=SERVERS)
def group(request: pytest.FixtureRequest) -> Iterator[Group]:
    """A primary and a replica of each kind, for the whole session: what takes seconds to start is started once."""
    with up(request.param, lag_ms=LAG_MS) as group:
        yield group


@pytest.fixture
def real(group: Group) -> Iterator[Real]:
    """A store on these servers, with a table that no other test uses."""
    yield from _real(group)


@pytest.fixture
def own_group(request: pytest.FixtureRequest) -> Iterator[Group]:
    """Servers that a test may ruin; the kind is given indirectly."""
    with up(request.param) as group:
        yield group


@pytest.fixture
def own_real(own_group: Group) -> Iterator[Real]:
    """A store on servers that a test may ruin."""
    yield from _real(own_group)


def _real(group: Group) -> Iterator[Real]:
    made = Real(group, f"t{unique_id()}")
    yield made
    made.pools.close()
