"""The names of groups: unique among those that run, used again afterwards, and never taken from a living one."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaverlab import registry
from weaverlab.servers import records


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty registry; returns a folder such as a group has."""
    monkeypatch.setenv(registry.STATE_VARIABLE, str(tmp_path / "state"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def names() -> list[str]:
    return [record.name for record in records.running()]


def test_a_name_is_free_again_when_its_group_is_gone(folder):
    _, first = records.claim("redis", folder)
    _, second = records.claim("redis", folder)
    assert names() == ["redis", "redis-2"]

    first.release()
    _, third = records.claim("redis", folder)

    assert names() == ["redis", "redis-2"]
    second.release()
    third.release()
    assert names() == []


def test_what_a_killed_keeper_left_is_removed_by_whoever_looks(folder):
    left = _die_holding("redis", folder)

    assert names() == []
    assert not folder.exists() and not left.exists()


def test_cleaning_says_what_it_has_removed_and_leaves_alone_what_runs(folder, tmp_path):
    left = _die_holding("redis", folder)
    (tmp_path / "other").mkdir()
    _, runs = records.claim("mariadb", tmp_path / "other")

    removed = records.clean()

    assert removed == [str(folder), str(left)]
    assert not folder.exists() and (tmp_path / "other").exists()
    assert (records.clean(), names()) == ([], ["mariadb"])
    runs.release()


def test_the_next_group_takes_the_name_of_a_killed_one_and_removes_its_folder(folder):
    _die_holding("redis", folder)

    record, hold = records.claim("redis", folder.parent)

    assert record.name == "redis"
    assert not folder.exists()
    hold.release()


def test_a_file_that_says_nothing_is_removed_alone(folder):
    registry.folder(records.SECTION).mkdir(parents=True)
    (registry.folder(records.SECTION) / "redis.json").write_text("{}")

    assert names() == []
    assert folder.exists()


def _die_holding(kind: str, folder: Path) -> Path:
    """Leave what a keeper leaves that is killed: its file without its lock; return that."""
    _, hold = records.claim(kind, folder)
    content = hold.path.read_bytes()
    hold.release()
    hold.path.write_bytes(content)
    return hold.path
