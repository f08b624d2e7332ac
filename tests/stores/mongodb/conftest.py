"""Whether there is a MongoDB to test with, and a plain word at the end of the run when there was none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pymongo
import pytest

VARIABLE = "WEAVERLAB_MONGODB_URL"
NOT_TESTED = f"MongoDB was NOT tested against a server: {VARIABLE} names no replica set (mongodb://host:27017)."


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not os.environ.get(VARIABLE):
        terminalreporter.write_line(NOT_TESTED, yellow=True)


@pytest.fixture
def section() -> Iterator[dict[str, Any]]:
    """Return what [antipode.posts] says of the replica set: `eu` is its primary, `us` a secondary if it has one."""
    url = os.environ.get(VARIABLE)
    if not url:
        pytest.skip(NOT_TESTED)
    parsed = pymongo.uri_parser.parse_uri(url)
    with pymongo.MongoClient(url) as client:
        client.admin.command("hello")
        nodes = [client.primary, *sorted(client.secondaries)]
        eu, us = (f"{host}:{port}" for host, port in (nodes[0], nodes[-1]))
        yield {
            "type": "mongodb",
            "servers": {"eu": eu, "us": us},
            "user": parsed["username"] or "",
            "password": parsed["password"] or "",
            "database": "weaverlab_test",
        }
        client.drop_database("weaverlab_test")
