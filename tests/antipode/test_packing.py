"""The packed form: small, and safe to read from a peer that is broken or hostile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.antipode.world import lineages
from weaverlab.antipode import MAX_PACKED_BYTES, Dependency, Lineage
from weaverlab.errors import ProtocolError


@given(lineages)
def test_a_lineage_survives_packing(lineage):
    assert Lineage.unpack(lineage.pack()) == lineage


@given(lineages, lineages)
def test_equal_lineages_have_equal_bytes(a, b):
    assert ((a | b).pack() == (b | a).pack()) and ((a == b) == (a.pack() == b.pack()))


def test_the_empty_lineage_is_no_bytes_at_all():
    assert Lineage().pack() == b""
    assert Lineage.unpack(b"") is Lineage.empty()


def test_a_typical_dependency_takes_at_most_32_bytes_alone_and_fewer_in_company():
    alone = Lineage([Dependency("notifications", "eu-west", 100_000)])
    company = Lineage(
        Dependency(store, region, 100_000)
        for store in ("posts", "notifications", "timeline", "media")
        for region in ("europe-west3", "us-east1")
    )

    assert len(alone.pack()) == 30
    assert len(company.pack()) / len(company) <= 14


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x01\x00\x00", id="an empty lineage that is not empty bytes"),
        pytest.param(b"\x01\x01\x01a\x02\x00\x00\x01\x00\x00\x02", id="one log twice"),
        pytest.param(b"\x01" + b"\xff" * 9 + b"\x01", id="2**64 - 1 names announced"),
        pytest.param(b"\x01\x01\x01a\x01\x00\x00" + b"\xff" * 9 + b"\x7f", id="a version above 64 bits"),
        pytest.param(b"\x01\x01\x01a\x01\x00\x00" + b"\xff" * 40, id="a version without end"),
        pytest.param(b"\x01\x01\x02\xc3\x28\x01\x00\x00\x01", id="a name that is not UTF-8"),
        pytest.param(b"\x01\x01\x01a\x01\x00\x07\x01", id="a name that is not in the table"),
    ],
)
def test_bytes_that_no_lineage_packs_to_are_refused(data):
    with pytest.raises(ProtocolError, match="malformed lineage"):
        Lineage.unpack(data)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda data: b"\x01" + data))
def test_garbage_is_a_protocol_error_or_a_lineage_and_never_anything_else(data):
    try:
        lineage = Lineage.unpack(data)
    except ProtocolError:
        return
    assert Lineage.unpack(Lineage(lineage).pack()) == lineage


@given(lineages.filter(bool), st.data())
def test_a_packed_lineage_that_is_cut_short_or_continued_is_refused(lineage, data):
    packed = lineage.pack()
    cut = data.draw(st.integers(1, len(packed) - 1))

    for wrong in (packed[:cut], packed + b"\x00"):
        with pytest.raises(ProtocolError, match="malformed lineage"):
            Lineage.unpack(wrong)


def test_another_format_is_refused_by_name():
    with pytest.raises(ProtocolError, match="a lineage in format 2; this version of WeaverLab reads format 1"):
        Lineage.unpack(b"\x02" + Lineage([Dependency("posts", "eu", 1)]).pack()[1:])


def test_the_size_is_bounded_in_both_directions():
    too_many = Lineage(Dependency("posts", f"posts/{n}", n) for n in range(10_000))

    with pytest.raises(ProtocolError, match="the limit is 65536"):
        too_many.pack()
    with pytest.raises(ProtocolError, match="the limit is 65536"):
        Lineage.unpack(b"\x01" * (MAX_PACKED_BYTES + 1))
