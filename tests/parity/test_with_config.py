"""`WithConfig[T]`: a typed section of weaver.toml for each component, with aliases, validate() and secrets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

import weaverlab as weaver
from weaverlab import Component, Implements, Interface, WithConfig, secret
from weaverlab.errors import ConfigError


@dataclass
class Settings:
    password: str = secret("PARITY_PASSWORD")
    size: int = field(default=10, metadata={"toml": "max-size"})
    mode: Literal["read", "write"] = "read"
    peers: list[str] = field(default_factory=list)

    def validate(self) -> None:
        if self.size < len(self.peers):
            raise ValueError(f"max-size {self.size} is below the number of peers, {len(self.peers)}")


class Cache(Interface):
    def settings(self) -> Settings: ...
    def has_password(self, password: str) -> bool: ...


class LRUCache(Implements[Cache], WithConfig[Settings]):
    def init(self) -> None:
        self.logger.info("configured as %s", self.config)

    def settings(self) -> Settings:
        return self.config

    def has_password(self, password: str) -> bool:
        return self.config.password == password


class Plain(Component):
    pass


@pytest.fixture
def toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PARITY_PASSWORD", "hunter2")
    return tmp_path / "weaver.toml"


def test_a_component_has_its_section_typed_with_defaults_and_aliases(deployer: str, toml: Path) -> None:
    toml.write_text('[LRUCache]\nmax-size = 3\npeers = ["a"]')

    with weaver.deploy(LRUCache, deployer=deployer, config=toml) as app:
        settings = app.get(Cache).settings()

    assert (settings.size, settings.mode, settings.peers) == (3, "read", ["a"])


def test_a_secret_comes_from_the_environment_wins_over_the_file_and_is_never_shown(deployer: str, toml: Path) -> None:
    toml.write_text('[LRUCache]\npassword = "s3cr3t of the file"')

    with weaver.deploy(LRUCache, deployer=deployer, config=str(toml)) as app:
        assert app.get(Cache).has_password("hunter2")
        status = app.status()
        seen = [repr(app), str(status), repr(status), repr(app.get(Cache).settings())]
    shown = "".join([*seen, json.dumps(app.logs())])

    assert "configured as Settings(size=10, mode='read', peers=[])" in shown
    assert "hunter2" not in shown and "s3cr3t" not in shown


def test_every_fault_names_file_section_key_and_the_nearest_name_and_they_come_together(
    deployer: str, toml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PARITY_PASSWORD")
    toml.write_text('[LRUCache]\nmax-sise = 3\nmode = "reed"\npeers = ["a", 1]\n[Plain]\nx = 1\n[LRUCash]\nsize = 1\n')

    with pytest.raises(ConfigError) as caught:
        weaver.deploy(LRUCache, Plain, deployer=deployer, config=toml)

    assert sorted(caught.value.faults) == [
        "weaver.toml: [LRUCache] max-sise: unknown key. Did you mean 'max-size'? "
        "Known: max-size, mode, password, peers.",
        "weaver.toml: [LRUCache] mode: expected one of 'read', 'write', saw str 'reed'. Did you mean 'read'?",
        "weaver.toml: [LRUCache] password: missing; expected str. Set the environment variable PARITY_PASSWORD.",
        "weaver.toml: [LRUCache] peers[1]: expected str, saw int 1.",
        "weaver.toml: [LRUCash]: is neither a component of this application nor a section of WeaverLab. "
        "Did you mean 'LRUCache'?",
        "weaver.toml: [Plain]: Plain takes no configuration. Derive it from WithConfig[YourDataclass] to give it some.",
    ]


def test_validate_has_the_last_word_before_anything_starts(deployer: str, toml: Path) -> None:
    toml.write_text('[LRUCache]\nmax-size = 1\npeers = ["a", "b"]')

    with pytest.raises(ConfigError, match=r"\[LRUCache\]: max-size 1 is below the number of peers, 2"):
        weaver.deploy(LRUCache, deployer=deployer, config=toml)
