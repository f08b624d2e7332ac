"""Values as documents, and cluster times as versions."""

from __future__ import annotations

import collections
import datetime
import pickle

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaverlab.antipode import Dependency, Lineage
from weaverlab.errors import StoreError
from weaverlab.stores import mongodb_documents as d

LINEAGE = Lineage([Dependency("posts", "eu", 17)]).pack()

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.binary() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def through_mongodb(value: object) -> object:
    """Return what a reader gets, through the bytes that MongoDB would hold."""
    document = d.document_of("42", pickle.dumps(value), LINEAGE)
    stored, lineage = d.item_of(bson.decode(bson.encode(document)))
    assert lineage == LINEAGE
    return pickle.loads(stored)


@given(plain)
def test_every_plain_value_comes_back_equal_and_of_its_type(value):
    back = through_mongodb(value)

    assert repr(back) == repr(value)  # True is not 1, and -0.0 is not 0.0


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1, 2},
        2**63,
        {1: "int key"},
        {"$set": 1},
        {"nul\0": 1},
        "half \ud800",
        datetime.datetime(2026, 1, 1, 0, 0, 0, 1),
        collections.OrderedDict(a=1),
        {"_id": "mine"},
        {"_weaverlab": "mine"},
        [(1,)],
    ],
    ids=repr,
)
def test_what_mongodb_cannot_hold_comes_back_equal_too(value):
    back = through_mongodb(value)

    assert back == value and type(back) is type(value)


def test_a_dict_is_a_document_that_other_programs_can_read_with_one_field_of_ours():
    document = d.document_of("42", pickle.dumps({"title": "Hello", "tags": ["x"]}), LINEAGE)

    assert document == {
        "_id": "42",
        "title": "Hello",
        "tags": ["x"],
        "_weaverlab": {"form": "fields", "lineage": LINEAGE},
    }


def test_a_document_of_another_program_is_read_as_its_fields():
    value, lineage = d.item_of({"_id": "42", "title": "Hello"})

    assert pickle.loads(value) == {"title": "Hello"}
    assert lineage == b""


@pytest.mark.parametrize("ours", [7, {}, {"form": "pickle"}, {"form": "fields", "lineage": None}])
def test_a_field_of_ours_that_we_did_not_make_is_an_error(ours):
    with pytest.raises(StoreError, match="document '42': its field '_weaverlab' is not what WeaverLab writes"):
        d.item_of({"_id": "42", "_weaverlab": ours})


def test_a_form_of_a_newer_version_is_an_error():
    with pytest.raises(StoreError, match="a value in form 'zip'; this version of WeaverLab reads"):
        d.item_of({"_id": "42", "_weaverlab": {"form": "zip", "lineage": b""}})


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_cluster_times_and_versions_are_one_order(one, other):
    assert d.version_of(d.time_of(one)) == one
    assert (d.time_of(one) < d.time_of(other)) == (one < other)


def test_a_cluster_time_fits_into_a_lineage():
    newest = d.version_of(bson.Timestamp(2**32 - 1, 2**32 - 1))

    assert Lineage.unpack(Lineage([Dependency("posts", "rs0", newest)]).pack()).pack()
    assert len(Lineage([Dependency("posts", "rs0", newest)]).pack()) <= 32
