"""`self.weaver`: run-time facts, frozen."""

from __future__ import annotations

import os
from dataclasses import FrozenInstanceError

import pytest

import weaverlab as weaver
from weaverlab import Component, Ref
from weaverlab.types import WeaverInfo


class Near(Component):
    def facts(self) -> tuple[WeaverInfo, int]:
        return self.weaver, os.getpid()


class Far(Component):
    near: Ref[Near]

    def facts(self) -> list[tuple[WeaverInfo, int]]:
        with pytest.raises(FrozenInstanceError):
            self.weaver.pid = 0  # type: ignore[misc]
        return [(self.weaver, os.getpid()), self.near.facts()]


def test_a_component_knows_where_it_runs(deployer: str) -> None:
    with weaver.deploy(Far, deployer=deployer) as app:
        (far, far_pid), (near, near_pid) = app.get(Far).facts()

        assert (far.component, near.component) == ("Far", "Near")
        assert (far.pid, near.pid) == (far_pid, near_pid)
        assert {far.deployment_id, near.deployment_id} == {app.id}
        assert {far.version, near.version} == {app.version}
        assert [far.replica] == [replica.id for replica in app.replicas(Far)]
        assert [near.replica] == [replica.id for replica in app.replicas(Near)]
