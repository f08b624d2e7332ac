"""`[listeners]`, `[single.listeners]`, `[multi.listeners]`: addresses by configuration."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

import weaverlab as weaver
from weaverlab import Component, Listener
from weaverlab.config import Config, parse
from weaverlab.errors import ConfigError, DeployError


class Site(Component):
    web: Listener

    def address(self) -> str:
        return str(self.web)


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
        return port


def _deployed_at(deployer: str, config: Config) -> str:
    with weaver.deploy(Site, deployer=deployer, config=config) as app:
        assert app.get(Site).address() == app.listener("web")
        return app.listener("web")


def test_a_listener_has_the_address_of_its_section_and_the_deployers_own_section_wins(deployer: str) -> None:
    everywhere, here = f"127.0.0.1:{_free_port()}", f"127.0.0.1:{_free_port()}"
    section = "single" if deployer == "single" else "multi"

    assert _deployed_at(deployer, parse(f'[listeners]\nweb = "{everywhere}"')) == everywhere
    text = f'[listeners]\nweb = "{everywhere}"\n[{section}.listeners]\nweb = "{here}"'
    assert _deployed_at(deployer, parse(text)) == here


def test_without_configuration_it_is_a_free_port_of_this_machine(deployer: str) -> None:
    host, _, port = _deployed_at(deployer, parse("")).rpartition(":")

    assert host == "127.0.0.1" and int(port) > 0


def test_an_unknown_name_is_an_error_with_a_suggestion(deployer: str) -> None:
    with pytest.raises(ConfigError, match=r"\[listeners\] wep: 'wep' is no listener.*Did you mean 'web'"):
        weaver.deploy(Site, deployer=deployer, config=parse('[listeners]\nwep = "127.0.0.1:0"'))


def test_an_address_in_use_is_a_clear_error(deployer: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"

        with pytest.raises(DeployError) as failed:
            weaver.deploy(Site, deployer=deployer, config=parse(f'[listeners]\nweb = "{address}"'))

    shown = str(failed.value)
    assert f"listener 'web': cannot listen on {address}" in shown and "weaver.toml" in shown
