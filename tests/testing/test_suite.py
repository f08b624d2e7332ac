"""The public suite for deployers, passed by those that WeaverLab has."""

from __future__ import annotations

from pathlib import Path

from docs.examples import subprocess_deployer
from docs.examples.subprocess_deployer import Subprocesses
from weaverlab.testing import DeployerSuite, EngineSuite


class TestSingle(DeployerSuite):
    deployer = "single"


class TestRpc(DeployerSuite):
    deployer = "rpc"


class TestMulti(EngineSuite):
    deployer = "multi"


class TestSubprocesses(EngineSuite):
    deployer = Subprocesses()


def test_the_example_is_as_small_as_promised() -> None:
    assert len(Path(subprocess_deployer.__file__).read_text().splitlines()) < 150
