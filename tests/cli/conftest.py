"""A folder with an application, and a registry in which nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import APP, write_config
from weaverlab import registry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(registry.STATE_VARIABLE, str(tmp_path / "state"))
    (tmp_path / "greetings.py").write_text(APP)
    write_config(tmp_path, "once")
    return tmp_path
