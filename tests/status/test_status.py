"""What is told of deployments and applications, as data and text; who prints it does not matter here."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

import weaverlab as weaver
from tests.apps.shop import CONFIG_TEXT, Shop, config
from weaverlab import registry, status
from weaverlab.errors import AttachError, ConfigError, UnknownDeployment
from weaverlab.registry import Record
from weaverlab.runtime.version import WEAVERLAB_VERSION
from weaverlab.status import Listed, LogFilter, find, listing, listing_dict, listing_text

pytestmark = pytest.mark.usefixtures("no_process_left")

RECORD = Record("0a1b2c3d", "shop.App", "multi", WEAVERLAB_VERSION, 77, 5.0)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(registry.STATE_VARIABLE, str(tmp_path))
    return tmp_path


def test_one_deployment_is_meant_by_nothing_and_any_by_the_beginning_of_its_id() -> None:
    other = replace(RECORD, id="0aff0000")

    assert find("", [RECORD]) == RECORD
    assert find("0af", [RECORD, other]) == other


@pytest.mark.parametrize(
    ("id_prefix", "ids", "said"),
    [
        ("", [], "nothing is deployed"),
        ("4f", [], "nothing is deployed"),
        ("4f", ["0a1b2c3d"], "no deployment begins with '4f'. These run:\n  0a1b2c3d  shop.App on multi, process 77"),
        ("0a1b2c4d", ["0a1b2c3d"], "Did you mean '0a1b2c3d'?"),
        ("0a", ["0a1b2c3d", "0aff0000", "11111111"], "2 deployments begin with '0a': give more of the id of one."),
        ("", ["0a1b2c3d", "0aff0000"], "2 deployments run: give more of the id of one."),
    ],
)
def test_who_is_not_meant_clearly_is_listed(id_prefix: str, ids: list[str], said: str) -> None:
    with pytest.raises(UnknownDeployment) as raised:
        find(id_prefix, [replace(RECORD, id=one) for one in ids])

    assert said in str(raised.value) and "11111111" not in str(raised.value)


def test_a_table_has_a_row_for_each_and_a_line_for_what_is_wrong() -> None:
    with weaver.deploy(Shop, deployer="single", config=config(), show=lambda entry: None) as app:
        running = status.list_deployments()
        lines = listing_text([*running, Listed(RECORD, None, "it hangs")]).splitlines()

        assert lines[2].split()[:6] == [app.id, "tests.apps.shop.Shop", "single", "running", "4", "1"]
        assert lines[3].split()[:9] == ["0a1b2c3d", "shop.App", "multi", "no", "answer", "-", "-", "-", "77"]
        assert lines[4:] == ["it hangs"]
    assert listing_dict(Listed(RECORD, None, "it hangs"))["state"] is None


def test_deployments_are_asked_at_once_and_one_that_has_just_ended_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [replace(RECORD, id=str(number)) for number in range(4)]
    all_are_asked = threading.Barrier(len(records))

    def attach(record: Record, patience_s: float) -> None:
        all_are_asked.wait(20)
        raise AttachError(f"{record.id} is silent")

    monkeypatch.setattr(listing, "attach", attach)
    monkeypatch.setattr(registry, "running", lambda deployer: records)
    monkeypatch.setattr(registry, "is_running", lambda record: record.id != "2")

    assert [one.problem for one in status.list_deployments()] == ["0 is silent", "1 is silent", "3 is silent"]


@pytest.mark.parametrize(
    ("age_s", "shown"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min"), (7_300, "2 h"), (200_000, "2 d"), (-5, "0 s")]
)
def test_an_age_is_shown_in_its_largest_unit(age_s: float, shown: str) -> None:
    assert listing._age(age_s) == shown


@pytest.mark.parametrize(
    ("wanted", "passing"),
    [
        (LogFilter(), ["DEBUG", "INFO", "PRINT", "WARNING", "NOTICE", "CRITICAL"]),
        (LogFilter("info"), ["INFO", "PRINT", "WARNING", "NOTICE", "CRITICAL"]),
        (LogFilter("error"), ["NOTICE", "CRITICAL"]),
        (LogFilter("debug", "Mirror"), []),
    ],
)
def test_entries_pass_by_level_and_component(wanted: LogFilter, passing: list[str]) -> None:
    levels = ["DEBUG", "INFO", "PRINT", "WARNING", "NOTICE", "CRITICAL"]

    assert [level for level in levels if wanted.passes({"level": level, "component": "Storage"})] == passing


def test_a_blueprint_with_a_configuration_has_regions_replicas_and_datastores(tmp_path: Path) -> None:
    (tmp_path / "sold.py").write_text(
        "from weaverlab import Antipode, Component, Main, Ref\n"
        "class Storage(Component):\n    items: Antipode\n"
        "class Shop(Main):\n    storage: Ref[Storage]\n    def main(self) -> None: ...\n"
    )
    stores = CONFIG_TEXT[: CONFIG_TEXT.index("[Storage]")].replace('["Mirror"]', '["Shop"]')
    (tmp_path / "weaver.toml").write_text(
        f'[weaverlab]\napp = "sold.py"\n[multi]\nreplicas = {{ Storage = 3 }}\n{stores}'
    )

    blueprint = status.read_blueprint(tmp_path / "weaver.toml")

    assert len(blueprint.snapshot.replicas_of("Storage")) == 3
    assert {one.name: one.region for one in blueprint.snapshot.components} == {"Storage": "eu", "Shop": "us"}
    assert blueprint.snapshot.stores[0].users == ("Storage",)
    (tmp_path / "weaver.toml").write_text('[weaverlab]\napp = "sold.py"\n')
    with pytest.raises(ConfigError, match="the application has a datastore agent 'items'"):
        status.read_blueprint(tmp_path / "weaver.toml")
