"""Every test of a promise runs under every deployer, and leaves no process behind."""

from __future__ import annotations

import pytest

DEPLOYERS = ("single", "rpc", "multi")


@pytest.fixture(params=DEPLOYERS)
def deployer(request: pytest.FixtureRequest, no_process_left: None) -> str:
    name: str = request.param
    return name
