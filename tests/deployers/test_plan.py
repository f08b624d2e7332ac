"""From classes and weaver.toml to groups, before anything is started."""

from __future__ import annotations

import pytest

from tests.apps import reserved
from tests.apps.shop import CONFIG_TEXT, Catalogue, Front, Mirror, Shop, Storage, config
from weaverlab.config import parse, read
from weaverlab.deployers.plan import Group, make_plan
from weaverlab.errors import ConfigError, DeclarationError


def test_each_component_is_a_group_of_its_own_and_callees_come_first() -> None:
    plan = make_plan([Shop], config())

    names = [group.name for group in plan.groups]
    assert names[0] == "EmbeddedStores"
    assert set(names) == {"EmbeddedStores", "Storage", "Mirror", "Front", "Shop"}
    assert names.index("Storage") < names.index("Front") < names.index("Shop")
    assert plan.main == "Shop"


def test_colocated_components_share_a_group_and_overlapping_lists_are_joined() -> None:
    plan = make_plan([Shop], config(), colocate=[[Front, Storage], ["Mirror", "Front"]])

    assert Group("Storage", ("Storage", "Mirror", "Front"), 1) in plan.groups


def test_replicas_may_be_asked_for_by_interface_and_arguments_win_over_the_file() -> None:
    settings = parse(CONFIG_TEXT + "[multi]\nreplicas = { Storage = 2, Mirror = 2 }\n")

    plan = make_plan([Shop], settings, replicas={Catalogue: 3})

    assert {group.name: group.replicas for group in plan.groups if group.replicas > 1} == {"Storage": 3, "Mirror": 2}
    assert next(group for group in plan.groups if group.name == "Storage").replica_ids() == (
        "Storage/0",
        "Storage/1",
        "Storage/2",
    )


def test_colocated_components_with_different_numbers_of_replicas_are_a_fault() -> None:
    with pytest.raises(ConfigError, match=r"Storage, Mirror ask for \[2, 3\] replicas"):
        make_plan([Shop], config(), replicas={Storage: 2, Mirror: 3}, colocate=[[Storage, Mirror]])


def test_all_faults_of_the_file_are_reported_together() -> None:
    text = CONFIG_TEXT.replace("[Storage]", "[Storge]").replace('["Mirror"]', '["Miror"]')

    with pytest.raises(ConfigError) as wrong:
        make_plan([Shop], parse(text))

    faults = "\n".join(wrong.value.faults)
    assert "Storge" in faults and "Did you mean 'Storage'" in faults
    assert "Miror" in faults and "Did you mean 'Mirror'" in faults


def test_an_agent_without_a_section_is_one_fault() -> None:
    with pytest.raises(ConfigError) as wrong:
        make_plan([Storage], parse(""))

    assert len(wrong.value.faults) == 1
    assert "[antipode.items]" in wrong.value.faults[0]


def test_the_embedded_stores_are_no_name_an_author_has_to_know() -> None:
    with pytest.raises(ConfigError) as wrong:
        make_plan([Shop], config(), replicas={"Stores": 2})

    assert "EmbeddedStores" not in str(wrong.value)


def test_a_component_outside_of_the_regions_of_its_store_is_a_fault() -> None:
    text = CONFIG_TEXT.replace('us = ["Mirror"]', 'us = []\nasia = ["Mirror"]')

    with pytest.raises(ConfigError, match=r"Mirror is in region 'asia', but .* has replicas in eu, us only"):
        make_plan([Shop], parse(text))


@pytest.mark.parametrize("count", [0, -1, True, 1.5, "2"])
def test_a_number_of_replicas_that_is_none_is_a_fault(count: object) -> None:
    with pytest.raises(ConfigError, match="expected a whole number from 1"):
        make_plan([Shop], config(), replicas={Storage: count})  # type: ignore[dict-item]


@pytest.mark.parametrize("colocate", [["Storage", "Mirror"], [Storage, Mirror], "Storage", Storage, {Storage: Mirror}])
@pytest.mark.parametrize("replicas", [[Storage], 3, "Storage"])
def test_arguments_of_a_wrong_shape_are_one_fault_each(colocate: object, replicas: object) -> None:
    with pytest.raises(ConfigError) as wrong:
        make_plan([Shop], config(), replicas=replicas, colocate=colocate)  # type: ignore[arg-type]

    assert [fault.partition(", saw ")[0] for fault in wrong.value.faults] == [
        "replicas: expected a dict such as {PostStorage: 3}",
        "colocate: expected a list of lists, such as [[App, Feed]]",
    ]


def test_faults_of_values_do_not_hide_faults_of_names_and_cause_no_others() -> None:
    text = CONFIG_TEXT.replace('"embedded-kv"', '"embedded-kw"').replace('greeting = "stored"', "greeting = 7")
    wrong = read(f'{text}\n[multi]\nreplicas = {{ Storge = 2, Mirror = 0 }}\ncolocate = [["Fron", "Mirror"]]\n')

    with pytest.raises(ConfigError) as raised:
        make_plan([Shop], wrong)

    said = "\n".join(raised.value.faults)
    assert len(raised.value.faults) == 5
    for fault in (
        "type: expected one of",
        "greeting: expected str",
        "replicas.Mirror",
        "'Storge' is no",
        "'Fron' is no",
    ):
        assert fault in said


def test_names_that_mean_something_else_already_are_refused_all_at_once() -> None:
    with pytest.raises(DeclarationError) as wrong:
        make_plan([reserved.Control, reserved.EmbeddedStores, reserved.client, reserved.multi], parse(""))

    assert len(wrong.value.faults) == 4
    assert wrong.value.faults[0] == (
        "Component tests.apps.reserved.Control: WeaverLab calls the component by which a deployer asks a weavelet "
        "'Control'. Give the class another name."
    )
