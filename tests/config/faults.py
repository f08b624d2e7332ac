"""What tests of wrong configuration share: the faults that reading it reports."""

from __future__ import annotations

import pytest

from weaverlab.config import parse, section
from weaverlab.errors import ConfigError


def faults_of(text: str) -> tuple[str, ...]:
    """Return the faults of a weaver.toml that must not be accepted, without the file's name in front."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return _without_file(caught.value.faults)


def fault_of(text: str) -> str:
    """Return the one and only fault of a weaver.toml."""
    (fault,) = faults_of(text)
    return fault


def faults_of_section(text: str, cls: type) -> tuple[str, ...]:
    """Return the faults of section [Cache], typed by `cls`."""
    with pytest.raises(ConfigError) as caught:
        section(parse(text), "Cache", cls)
    return _without_file(caught.value.faults)


def _without_file(faults: tuple[str, ...]) -> tuple[str, ...]:
    assert all(fault.startswith("weaver.toml: ") for fault in faults), faults
    return tuple(fault.removeprefix("weaver.toml: ") for fault in faults)
