"""One group of each kind for the whole session: what takes seconds to start is started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from weaverlab import servers

LAG_MS = 60


@pytest.fixture(scope="session", params=["redis", "mariadb", "postgres", "rabbitmq"])
def group(request: pytest.FixtureRequest) -> Iterator[servers.Group]:
    with servers.up(request.param, lag_ms=LAG_MS) as group:
        yield group
