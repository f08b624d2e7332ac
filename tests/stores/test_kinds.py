"""Which library a kind of store needs is told before anything starts."""

from __future__ import annotations

import pytest

import weaverlab
from weaverlab import Antipode, Component
from weaverlab.config import parse
from weaverlab.errors import ConfigError
from weaverlab.stores import faults_of_kinds
from weaverlab.stores.kinds import KINDS, Kind

STORE = '[antipode.posts]\ntype = "redis"\nservers = { local = "127.0.0.1:1" }'


def test_a_library_that_is_missing_is_one_sentence_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(KINDS, "redis", Kind("weaverlab.stores.redis", "no_such_client"))

    assert faults_of_kinds(parse(STORE).antipode.values(), "weaver.toml") == [
        "weaver.toml: [antipode.posts] type: 'redis' needs the library no_such_client. "
        'Install it: pip install "weaverlab[redis]"'
    ]


def test_it_is_told_before_anything_starts(monkeypatch):
    monkeypatch.setitem(KINDS, "redis", Kind("weaverlab.stores.redis", "no_such_client"))

    class Storage(Component):
        posts: Antipode

        def store(self) -> None: ...

    with pytest.raises(ConfigError, match="needs the library no_such_client"):
        weaverlab.deploy(Storage, deployer="single", config=parse(STORE))


def test_embedded_stores_need_none():
    assert faults_of_kinds(parse('[antipode.posts]\ntype = "embedded-kv"').antipode.values(), "") == []
