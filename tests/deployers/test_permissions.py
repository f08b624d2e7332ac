"""Which components a weavelet may call follows from the declared refs, for every pair."""

from __future__ import annotations

from itertools import product

import pytest

from tests.apps.gates import Archive, Desk, Front, Ledger, Lonely
from weaverlab.config import parse
from weaverlab.deployers.permissions import permissions
from weaverlab.deployers.plan import make_plan

STORES = "EmbeddedStores"
CONFIG = parse('[antipode.posts]\ntype = "embedded-kv"')
GROUPS = ("Front", "Desk", "Ledger", "Archive", "Lonely", STORES)

# Front --> Desk --> Ledger; Archive --> Ledger, and Archive has an agent of a datastore.
# Who has one may wait for the branches of others, too.
MAY = {("Front", "Desk"), ("Desk", "Ledger"), ("Archive", "Ledger"), ("Archive", STORES), ("Archive", "BranchHost")}


@pytest.fixture(scope="module")
def apart():
    return permissions(make_plan([Front, Archive, Lonely], CONFIG), "client")


@pytest.mark.parametrize(("caller", "callee"), list(product(GROUPS, (*GROUPS, "Control", "BranchHost"))))
def test_a_group_may_call_what_it_has_a_ref_or_an_agent_to_and_nothing_else(apart, caller, callee):
    assert (callee in apart[caller]) is ((caller, callee) in MAY)


@pytest.mark.parametrize("callee", [*GROUPS, "Control"])
def test_the_deployer_may_call_everything(apart, callee):
    assert callee in apart["client"]


def test_nobody_else_is_known(apart):
    assert set(apart) == {*GROUPS, "client"}


def test_colocated_components_share_what_each_of_them_may_call():
    plan = make_plan([Front, Archive], CONFIG, colocate=[[Front, Archive]])

    may_call = permissions(plan, "client")

    assert may_call[plan.groups[-1].name] == {"Desk", "Ledger", STORES, "BranchHost"}
    assert set(may_call) == {"Desk", "Ledger", STORES, plan.groups[-1].name, "client"}


def test_a_component_whose_callee_is_a_fake_may_call_the_deployer_for_it():
    may_call = permissions(make_plan([Front], parse(""), fakes={Desk: Desk()}), "client")

    assert may_call == {"Front": {"Desk"}, "client": {"Front", "Desk", "Control"}}


def test_without_an_embedded_store_nobody_may_call_one():
    assert permissions(make_plan([Desk], parse("")), "client")["Desk"] == {Ledger.__name__}
