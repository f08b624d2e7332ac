"""Real datastores for an experiment: started once, bound to a section, gone afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from weaverlab.config import Config, parse
from weaverlab.errors import ConfigError
from weaverlab.experiment import Servers
from weaverlab.experiment.servers import version

CONFIG = parse("[regions]\neu = ['Writer']\nus = ['Reader']\n[antipode.posts]\ntype = 'embedded-kv'\n")
LAGS_MS = {"posts": (20.0, 0.0), "notes": (10.0, 0.0)}


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with Servers() as servers:
        yield servers


def bound(servers: Servers) -> Config:
    return servers.bind(CONFIG, "redis", LAGS_MS)


def test_a_section_is_bound_to_a_primary_in_the_first_region_and_its_replica_in_the_second(servers):
    store = bound(servers).antipode["posts"]

    assert store.type == "redis" and store.regions == ("eu", "us")
    assert store.servers is not None and store.servers.primary == "eu"
    assert store.servers.password_from(bound(servers).environ)


def test_what_stays_embedded_stays_as_it_is_and_each_kind_is_for_the_next_store(servers):
    stores = servers.bind(CONFIG, "embedded+redis", LAGS_MS).antipode

    assert stores["posts"] == CONFIG.antipode["posts"] and stores["notes"].type == "redis"


def test_all_runs_of_a_sweep_share_one_group(servers):
    assert bound(servers).antipode == bound(servers).antipode


def test_the_manifest_learns_version_and_measured_lag(servers):
    bound(servers)

    facts = servers.facts()["servers"]["redis"]
    assert facts["version"].count(".") == 2
    assert facts["lag"].startswith("2") and "heartbeats" in facts["lag"]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "expected"), [("mariadb", r"\d+\.\d+\.\d+"), ("rabbitmq", r"[34]\.\d+\.\d+")])
def test_the_version_is_what_the_programs_of_a_kind_say(kind, expected):
    assert re.fullmatch(expected, version(kind))


def test_what_does_not_start_fails_every_time_and_is_in_the_manifest():
    with Servers() as servers:
        for _ in range(2):
            with pytest.raises(ConfigError, match="there are no servers of this kind"):
                servers.bind(CONFIG, "rediss", LAGS_MS)

        assert servers.facts()["servers"]["rediss"]["version"] == "not started"
